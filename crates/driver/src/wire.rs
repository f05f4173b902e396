//! How values are written for the other side: numbers in eight bytes, the lowest first; lists with
//! their length before them. What cannot be read is `None`, never a panic: it may come from anybody.

use std::io;
use std::time::Duration;

use nix::errno::Errno;

/// A value that can be sent.
pub trait Wire: Sized {
    /// Writes it at the end of `bytes`.
    fn put(&self, bytes: &mut Vec<u8>);
    /// Takes it from the beginning of `bytes`.
    fn take(bytes: &mut &[u8]) -> Option<Self>;

    /// Writes many of them.
    fn put_all(items: &[Self], bytes: &mut Vec<u8>) {
        items.iter().for_each(|item| item.put(bytes));
    }

    /// Takes so many of them.
    fn take_many(count: usize, bytes: &mut &[u8]) -> Option<Vec<Self>> {
        (0..count).map(|_| Self::take(bytes)).collect()
    }

    /// What it is when it is sent.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.put(&mut bytes);
        bytes
    }

    /// Reads all of `bytes`.
    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let value = Self::take(&mut bytes)?;
        bytes.is_empty().then_some(value)
    }
}

impl Wire for u8 {
    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.push(*self);
    }

    fn take(bytes: &mut &[u8]) -> Option<u8> {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(*first)
    }

    // In one piece: this is compiled with its callers, which are not optimised.
    fn put_all(items: &[u8], bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(items);
    }

    fn take_many(count: usize, bytes: &mut &[u8]) -> Option<Vec<u8>> {
        let (first, rest) = bytes.split_at_checked(count)?;
        *bytes = rest;
        Some(first.to_vec())
    }
}

impl Wire for u64 {
    // Compiled here, where it is optimised, since there may be hundreds of thousands.
    fn put_all(items: &[u64], bytes: &mut Vec<u8>) {
        bytes.reserve(items.len() * 8);
        items.iter().for_each(|item| bytes.extend_from_slice(&item.to_le_bytes()));
    }

    fn take_many(count: usize, bytes: &mut &[u8]) -> Option<Vec<u64>> {
        let (first, rest) = bytes.split_at_checked(count.checked_mul(8)?)?;
        *bytes = rest;
        let (numbers, _) = first.as_chunks();
        Some(numbers.iter().map(|number| u64::from_le_bytes(*number)).collect())
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }

    fn take(bytes: &mut &[u8]) -> Option<u64> {
        let (first, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(u64::from_le_bytes(*first))
    }
}

impl Wire for i32 {
    fn put(&self, bytes: &mut Vec<u8>) {
        (i64::from(*self) as u64).put(bytes);
    }

    fn take(bytes: &mut &[u8]) -> Option<i32> {
        i32::try_from(u64::take(bytes)? as i64).ok()
    }
}

impl Wire for bool {
    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }

    fn take(bytes: &mut &[u8]) -> Option<bool> {
        match u8::take(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Wire for () {
    fn put(&self, _: &mut Vec<u8>) {}

    fn take(_: &mut &[u8]) -> Option<()> {
        Some(())
    }
}

impl Wire for String {
    fn put(&self, bytes: &mut Vec<u8>) {
        (self.len() as u64).put(bytes);
        bytes.extend(self.as_bytes());
    }

    fn take(bytes: &mut &[u8]) -> Option<String> {
        String::from_utf8(Vec::take(bytes)?).ok()
    }
}

impl Wire for Duration {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.as_secs().put(bytes);
        u64::from(self.subsec_nanos()).put(bytes);
    }

    fn take(bytes: &mut &[u8]) -> Option<Duration> {
        let seconds = u64::take(bytes)?;
        let nanoseconds = u32::try_from(u64::take(bytes)?).ok().filter(|it| *it < 1_000_000_000)?;
        Some(Duration::new(seconds, nanoseconds))
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, bytes: &mut Vec<u8>) {
        (self.len() as u64).put(bytes);
        T::put_all(self, bytes);
    }

    fn take(bytes: &mut &[u8]) -> Option<Vec<T>> {
        let length = usize::try_from(u64::take(bytes)?).ok()?;
        // Every item takes a byte at least, so nobody can make this take more memory than they sent.
        if length > bytes.len() {
            return None;
        }
        T::take_many(length, bytes)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.is_some().put(bytes);
        self.iter().for_each(|value| value.put(bytes));
    }

    fn take(bytes: &mut &[u8]) -> Option<Option<T>> {
        if bool::take(bytes)? { T::take(bytes).map(Some) } else { Some(None) }
    }
}

impl<T: Wire, E: Wire> Wire for Result<T, E> {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.is_ok().put(bytes);
        match self {
            Ok(value) => value.put(bytes),
            Err(error) => error.put(bytes),
        }
    }

    fn take(bytes: &mut &[u8]) -> Option<Result<T, E>> {
        if bool::take(bytes)? { T::take(bytes).map(Ok) } else { E::take(bytes).map(Err) }
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.0.put(bytes);
        self.1.put(bytes);
    }

    fn take(bytes: &mut &[u8]) -> Option<(A, B)> {
        Some((A::take(bytes)?, B::take(bytes)?))
    }
}

impl<A: Wire, B: Wire, C: Wire> Wire for (A, B, C) {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.0.put(bytes);
        self.1.put(bytes);
        self.2.put(bytes);
    }

    fn take(bytes: &mut &[u8]) -> Option<(A, B, C)> {
        Some((A::take(bytes)?, B::take(bytes)?, C::take(bytes)?))
    }
}

/// An `io::Error` of the submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its kind, as `{:?}` writes it: `UnexpectedEof`.
    pub kind: String,
    /// What it says.
    pub says: String,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure { kind: format!("{:?}", error.kind()), says: error.to_string() }
    }
}

impl Wire for Failure {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.kind.put(bytes);
        self.says.put(bytes);
    }

    fn take(bytes: &mut &[u8]) -> Option<Failure> {
        Some(Failure { kind: String::take(bytes)?, says: String::take(bytes)? })
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        // An error of the system by its name, as its manual page has it: ESRCH (No such process).
        let numbered = self.says.split_once(" (os error ");
        let number = numbered.and_then(|(_, rest)| rest.strip_suffix(')')?.parse().ok());
        match (numbered, number.map(Errno::from_raw)) {
            (Some((says, _)), Some(errno)) if errno != Errno::UnknownErrno => {
                write!(f, "{errno:?} ({says})")
            }
            _ => write!(f, "{} ({})", self.kind, self.says),
        }
    }
}

/// The longest frame that is taken, in bytes.
const LONGEST: usize = 32 << 20;

/// A frame: four bytes of length, one for the kind, and the body.
pub(crate) fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 5);
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.push(kind);
    bytes.extend(body);
    bytes
}

/// Takes the first frame out of what has come so far; `Err` if it can be none.
pub(crate) fn unframe(come: &mut Vec<u8>) -> Result<Option<(u8, Vec<u8>)>, ()> {
    let Some((length, _)) = come.split_first_chunk() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > LONGEST {
        return Err(());
    }
    if come.len() < length + 5 {
        return Ok(None);
    }
    let rest = come.split_off(length + 5);
    let frame = std::mem::replace(come, rest);
    Ok(Some((frame[4], frame[5..].to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is() {
        type Value = (Vec<String>, Result<Option<i32>, Failure>, Duration);
        let failure = Failure { kind: "Other".into(), says: "é".into() };
        for result in [Ok(Some(-7)), Ok(None), Err(failure)] {
            let value: Value = (vec!["a".into(), String::new()], result, Duration::MAX);
            let bytes = value.to_bytes();
            assert_eq!(Value::from_bytes(&bytes), Some(value));
            for length in 0..bytes.len() {
                assert_eq!(Value::from_bytes(&bytes[..length]), None);
            }
        }
        assert_eq!(Vec::<u64>::from_bytes(&u64::MAX.to_le_bytes()), None);
    }

    #[test]
    fn frames_come_out_whole() {
        let mut come = Vec::new();
        for byte in [frame(b'a', b"one"), frame(b'b', b"")].concat() {
            come.push(byte);
            if come.len() == 8 {
                assert_eq!(unframe(&mut come), Ok(Some((b'a', b"one".to_vec()))));
            }
        }
        assert_eq!(unframe(&mut come), Ok(Some((b'b', Vec::new()))));
        assert_eq!(unframe(&mut come), Ok(None));
        assert_eq!(unframe(&mut vec![255; 9]), Err(()));
    }
}
