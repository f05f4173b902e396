//! The bytes of a submission as text, or in a sentence why they are none.

/// The longest file that is taken, in bytes.
const LONGEST: usize = 256 << 10;

/// The text, if it is text that a compiler can be given.
pub fn readable(source: &[u8]) -> Result<&str, String> {
    if source.len() > LONGEST {
        return Err(format!("The file is longer than {} KiB.", LONGEST >> 10));
    }
    if is_utf16(source) {
        return Err("The file is UTF-16 text. Save it as UTF-8, and hand it in again.".to_owned());
    }
    let text = std::str::from_utf8(source).map_err(|error| {
        let line = line(&source[..error.valid_up_to()]);
        format!("The file is not UTF-8 text: line {line} contains something else.")
    })?;
    let written = text.trim_start_matches('\u{feff}').trim_end_matches(['\0', '\u{1a}']);
    if written.trim().is_empty() {
        return Err("The file is empty.".to_owned());
    }
    if written.contains('\r') && !written.contains('\n') {
        return Err(
            "The file has lines that end with CR alone, so to the compiler it is one line. \
                    Save it with the line ends of Unix."
                .to_owned(),
        );
    }
    if let Some(at) = text.find(['\0', '\u{1a}']) {
        let what = if text[at..].starts_with('\0') { "NUL" } else { "Ctrl-Z" };
        let more = text.len() - at;
        let place = match text[at..].trim_end_matches(['\0', '\u{1a}']).is_empty() {
            true if more == 1 => format!("ends with a {what} character"),
            true => format!("ends with {more} {what} characters"),
            false => format!("has a {what} character in line {}", line(&source[..at])),
        };
        return Err(format!("The file {place}, which Rust does not know: take it out."));
    }
    Ok(text)
}

fn line(before: &[u8]) -> usize {
    before.split(|byte| *byte == b'\n').count()
}

/// Whether there is UTF-16's mark at the front, or every other byte is 0 as in Latin letters of it.
fn is_utf16(source: &[u8]) -> bool {
    let zeros = |first: usize| {
        let bytes = source.iter().skip(first).step_by(2).take(32);
        bytes.len() > 3 && bytes.clone().all(|byte| *byte == 0)
    };
    source.starts_with(b"\xff\xfe") || source.starts_with(b"\xfe\xff") || zeros(0) != zeros(1) // All of it 0 is a file that was never written.
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(source: impl AsRef<[u8]>) -> String {
        readable(source.as_ref()).unwrap_err()
    }

    #[test]
    fn what_is_no_text_is_named() {
        let rust = "fn f() {}\nfn g() {}\n";
        let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            rust.encode_utf16().flat_map(bytes).collect()
        };
        for file in [utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)] {
            assert!(why(&file).contains("UTF-16"));
        }
        assert!(why(b"\xff\xfef\0n\0").contains("UTF-16"));
        for nothing in ["", " \n", "\u{feff}", "\u{1a}", "\0\0\0\0\0\0\0\0"] {
            assert_eq!(why(nothing), "The file is empty.");
        }
        assert!(why(rust.replace('\n', "\r")).contains("CR alone"));
        assert!(why(format!("{rust}\u{1a}")).contains("ends with a Ctrl-Z character"));
        assert!(why(format!("{rust}\0\0\0")).contains("ends with 3 NUL characters"));
        assert!(
            why(rust.replacen("() {}\nfn", "() {}\n\0fn", 1)).contains("NUL character in line 2")
        );
        assert!(why(b"fn f() {}\n// \xe9\n").contains("not UTF-8 text: line 2"));
    }

    #[test]
    fn marks_and_line_ends_of_others_are_taken() {
        assert!(readable("\u{feff}fn f() {}\r\n".as_bytes()).is_ok());
        assert!(readable("// \u{201c}quoted\u{201d}\n".as_bytes()).is_ok());
    }
}
