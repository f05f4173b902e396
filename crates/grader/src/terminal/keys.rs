//! What a terminal sends for keys: see console_codes(4), and xterm's control sequences.

use std::time::Duration;

/// How long the rest of a key may take to come, once it has begun.
pub const REST_OF_A_KEY: Duration = Duration::from_millis(50);

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A letter, a digit, a sign, a blank.
    Char(char),
    Enter,
    Escape,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    /// Ctrl-U, which takes back all that was typed.
    TakeBack,
    /// Ctrl-L, which draws anew.
    Redraw,
    /// Ctrl-D, the end of what is typed.
    EndOfFile,
    /// One that means nothing here.
    Other,
}

/// What was read, and is not yet taken for keys.
#[derive(Default)]
pub struct Unread(Vec<u8>);

impl Unread {
    /// Reads what standard input has. False at its end.
    pub fn read(&mut self) -> bool {
        let mut bytes = [0; 256];
        let length = nix::unistd::read(std::io::stdin(), &mut bytes).unwrap_or(0);
        self.add(&bytes[..length]);
        length > 0
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    /// Whether there is the beginning of a key. An escape may be the key of that name: nobody can
    /// tell until some time has passed.
    pub fn is_begun(&self) -> bool {
        !self.0.is_empty()
    }

    /// The next key. If nothing more is `coming`, also one that seems to be incomplete.
    pub fn key(&mut self, coming: bool) -> Option<Key> {
        let (key, length) = match first(&self.0) {
            Some(found) => found,
            None if coming || self.0.is_empty() => return None,
            None if self.0 == b"\x1b" => (Key::Escape, 1),
            None => (Key::Other, self.0.len()),
        };
        self.0.drain(..length);
        Some(key)
    }
}

/// The first key and the number of its bytes; nothing if it is incomplete.
fn first(bytes: &[u8]) -> Option<(Key, usize)> {
    match bytes {
        [] => None,
        [b'\r' | b'\n', ..] => Some((Key::Enter, 1)),
        [0x7f | 0x08, ..] => Some((Key::Backspace, 1)),
        [0x04, ..] => Some((Key::EndOfFile, 1)),
        [0x0c, ..] => Some((Key::Redraw, 1)),
        [0x15, ..] => Some((Key::TakeBack, 1)),
        [0x1b] | [0x1b, b'O'] => None,
        [0x1b, b'O', letter, ..] => Some((named(&[*letter]), 3)),
        [0x1b, b'[', rest @ ..] => {
            let end = rest.iter().position(|byte| (0x40..=0x7e).contains(byte))?;
            Some((named(&rest[..=end]), end + 3))
        }
        // Whatever follows is a key of its own.
        [0x1b, ..] => Some((Key::Escape, 1)),
        [control, ..] if *control < b' ' => Some((Key::Other, 1)),
        _ => character(bytes),
    }
}

fn named(sequence: &[u8]) -> Key {
    match sequence {
        b"A" => Key::Up,
        b"B" => Key::Down,
        b"C" => Key::Right,
        b"D" => Key::Left,
        b"H" | b"1~" | b"7~" => Key::Home,
        b"F" | b"4~" | b"8~" => Key::End,
        b"5~" => Key::PageUp,
        b"6~" => Key::PageDown,
        _ => Key::Other,
    }
}

fn character(bytes: &[u8]) -> Option<(Key, usize)> {
    let bytes = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        // More of the same character is to come.
        Err(error) if error.error_len().is_none() => return None,
        Err(_) => return Some((Key::Other, 1)),
    };
    valid.chars().next().map(|character| (Key::Char(character), character.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(reads: &[&str]) -> Vec<Key> {
        let mut unread = Unread::default();
        let mut keys = Vec::new();
        for read in reads {
            unread.add(read.as_bytes());
            keys.extend(std::iter::from_fn(|| unread.key(true)));
        }
        keys.extend(std::iter::from_fn(|| unread.key(false)));
        keys
    }

    #[test]
    fn sequences_are_keys_however_they_arrive() {
        use Key::*;
        let pages = "\x1b[5~\x1b[6~\x1b[H\x1bOF\x1b[4~\x1b[1~";
        assert_eq!(keys(&[pages]), [PageUp, PageDown, Home, End, End, Home]);
        assert_eq!(keys(&["\x1b", "[", "A", "\x1bO", "B"]), [Up, Down]);
        assert_eq!(keys(&["\x1b[C\x1bOD"]), [Right, Left]);
        assert_eq!(keys(&["q\x1b"]), [Char('q'), Escape]);
        assert_eq!(keys(&["\x1b", "q"]), [Escape, Char('q')]);
        assert_eq!(keys(&["\x1b\x1b[A"]), [Escape, Up]);
        assert_eq!(
            keys(&["\r\n\x7f\x15\x0c\x04"]),
            [Enter, Enter, Backspace, TakeBack, Redraw, EndOfFile]
        );
        assert_eq!(keys(&["\x1b[1;5C\x1b[200~\x01x"]), [Other, Other, Other, Char('x')]);
        assert_eq!(keys(&["ö\u{1f600}x"]), [Char('ö'), Char('\u{1f600}'), Char('x')]);
        assert_eq!(keys(&["\x1b[12"]), [Other]);
    }

    #[test]
    fn a_character_may_come_in_pieces() {
        let mut unread = Unread::default();
        unread.add(&"ö".as_bytes()[..1]);
        assert_eq!(unread.key(true), None);
        unread.add(&"ö".as_bytes()[1..]);
        assert_eq!(unread.key(true), Some(Key::Char('ö')));
        unread.add(b"\xffa");
        assert_eq!((unread.key(true), unread.key(true)), (Some(Key::Other), Some(Key::Char('a'))));
    }
}
