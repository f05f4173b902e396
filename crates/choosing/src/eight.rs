//! Eight programs that people write, as answers to the questions.

use crate::answers::{Answers, Given, QUESTIONS};

/// A program by its name, and the options that describe it.
pub struct Case {
    /// What it is.
    pub name: &'static str,
    /// As on the command line.
    pub options: &'static str,
}

const fn case(name: &'static str, options: &'static str) -> Case {
    Case { name, options }
}

// ANCHOR: eight
/// Eight programs.
pub const EIGHT: &[Case] = &[
    case(
        "PDF thumbnailer, untrusted files",
        "--starts 20 --at-once 4 --memory 32M --messages 40 --size 100K --input-trusted no \
         --crash-stays yes",
    ),
    case(
        "chat server, 10,000 idle users",
        "--work waits --starts 20 --at-once 10k --messages 2000 --size 200",
    ),
    case(
        "image filters over one large array",
        "--starts 2000 --at-once 64 --memory 512M --messages 0 --shared 256M --written 256M",
    ),
    case(
        "build tool that runs compilers",
        "--starts 40 --at-once 200 --memory 200M --messages 80 --size 4K --programs yes \
         --crash-stays yes",
    ),
    case(
        "trading feed handler",
        "--starts 0 --at-once 3 --messages 5M --size 64 --shared 64M --written 64M --cores 4",
    ),
    case(
        "plug-in host",
        "--starts 0.01 --at-once 10 --memory 300M --messages 5000 --size 16K --trusted no \
         --crash-stays yes",
    ),
    case(
        "Python data pipeline",
        "--python yes --starts 200 --at-once 16 --memory 1G --messages 400 --size 1M --cores 4",
    ),
    case(
        "CI runner",
        "--starts 0.1 --at-once 60 --memory 100M --messages 100 --size 1K --programs yes \
         --trusted no --crash-stays yes --machines 20",
    ),
];
// ANCHOR_END: eight

impl Case {
    /// The answers that its options give, on a machine with so many CPUs.
    pub fn answers(&self, cores: usize) -> Result<Answers, String> {
        let mut given = Given::nothing(cores);
        let words: Vec<&str> = self.options.split_whitespace().collect();
        let is_of = |word: &str, option| word.strip_prefix("--") == Some(option);
        for pair in words.chunks(2) {
            if !QUESTIONS.iter().any(|question| is_of(pair[0], question.option)) {
                return Err(format!("there is no option {}", pair[0]));
            }
        }
        for question in QUESTIONS {
            for pair in words.chunks_exact(2).filter(|pair| is_of(pair[0], question.option)) {
                given.set(question, pair[1])?;
            }
        }
        Ok(given.answers)
    }
}
