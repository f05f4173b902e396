//! What decides: the questions, their options on the command line, and how answers are read.

use std::collections::BTreeSet;
use std::fmt::Write;

/// What is known of a task. Each has a default that does for want of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// Tasks that are begun in a second.
    pub starts: f64,
    /// Tasks that are there at once.
    pub at_once: f64,
    /// Bytes that the parent has touched.
    pub memory: f64,
    /// Messages in a second, between all.
    pub messages: f64,
    /// Bytes of a message.
    pub size: f64,
    /// Bytes that all tasks use.
    pub shared: f64,
    /// Bytes of these that several write.
    pub written: f64,
    /// Whether the crash of one task must leave the others alive.
    pub crash_stays: bool,
    /// Whether the code is trusted.
    pub trusted: bool,
    /// Whether what the tasks read is trusted.
    pub input_trusted: bool,
    /// Whether tasks wait most of the time, rather than compute.
    pub waits: bool,
    /// Whether a task is to run another program.
    pub programs: bool,
    /// CPUs that may be used.
    pub cores: f64,
    /// Machines that share the work.
    pub machines: f64,
    /// Whether the language is Python with a global interpreter lock.
    pub python: bool,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number, such as 10000 or 10k.
    Count,
    /// How often in a second: a number, such as 10k or 0.5.
    Rate,
    /// A number of bytes, such as 64M.
    Size,
    /// Yes or no.
    YesNo,
    /// Waits or computes.
    Work,
}

/// One question: its option, its words, how it is answered, and the least that makes sense.
pub struct Question {
    /// The option, without its dashes.
    pub option: &'static str,
    /// What is asked.
    pub asks: &'static str,
    /// How it is answered.
    pub kind: Kind,
    least: f64,
}

const fn question(option: &'static str, asks: &'static str, kind: Kind, least: f64) -> Question {
    Question { option, asks, kind, least }
}

/// All questions, in the order in which they are asked: what bounds another answer comes before it.
pub const QUESTIONS: &[Question] = &[
    question("starts", "How many tasks begin in a second?", Kind::Rate, 0.0),
    question("at-once", "How many are there at once?", Kind::Count, 1.0),
    question("work", "Do they wait most of the time, or compute?", Kind::Work, 0.0),
    question("programs", "Does each run another program?", Kind::YesNo, 0.0),
    question("cores", "How many CPUs may they use?", Kind::Count, 1.0),
    question("messages", "How many messages go between them in a second?", Kind::Rate, 0.0),
    question("size", "How large is a message?", Kind::Size, 1.0),
    question("shared", "How much data do all of them use?", Kind::Size, 0.0),
    question("written", "How much of that do several of them write?", Kind::Size, 0.0),
    question("memory", "How much memory has the parent touched?", Kind::Size, 0.0),
    question("crash-stays", "Must the others live on when one crashes?", Kind::YesNo, 0.0),
    question("trusted", "Is the code of all tasks trusted?", Kind::YesNo, 0.0),
    question("input-trusted", "Is all that they read trusted, too?", Kind::YesNo, 0.0),
    question("machines", "How many machines share the work?", Kind::Count, 1.0),
    question("python", "Is the language Python, with its GIL?", Kind::YesNo, 0.0),
];

enum Slot<'a> {
    Number(&'a mut f64),
    Truth(&'a mut bool),
}

impl Answers {
    /// What is taken for want of an answer, on so many CPUs.
    pub fn default_for(cores: usize) -> Answers {
        Answers {
            starts: 100.0,
            at_once: 8.0,
            memory: 64.0 * 1048576.0,
            messages: 1000.0,
            size: 1024.0,
            shared: 0.0,
            written: 0.0,
            crash_stays: false,
            trusted: true,
            input_trusted: true,
            waits: false,
            programs: false,
            cores: cores as f64,
            machines: 1.0,
            python: false,
        }
    }

    fn slot(&mut self, option: &str) -> Slot<'_> {
        match option {
            "starts" => Slot::Number(&mut self.starts),
            "at-once" => Slot::Number(&mut self.at_once),
            "cores" => Slot::Number(&mut self.cores),
            "memory" => Slot::Number(&mut self.memory),
            "messages" => Slot::Number(&mut self.messages),
            "size" => Slot::Number(&mut self.size),
            "shared" => Slot::Number(&mut self.shared),
            "written" => Slot::Number(&mut self.written),
            "machines" => Slot::Number(&mut self.machines),
            "work" => Slot::Truth(&mut self.waits),
            "crash-stays" => Slot::Truth(&mut self.crash_stays),
            "trusted" => Slot::Truth(&mut self.trusted),
            "input-trusted" => Slot::Truth(&mut self.input_trusted),
            "programs" => Slot::Truth(&mut self.programs),
            "python" => Slot::Truth(&mut self.python),
            other => unreachable!("there is no question {other}"),
        }
    }

    /// Takes an answer as it was typed.
    ///
    /// # Errors
    ///
    /// What was expected, as one sentence.
    pub fn set(&mut self, question: &Question, typed: &str) -> Result<(), String> {
        let typed = typed.trim();
        match (self.slot(question.option), question.kind) {
            (Slot::Truth(slot), kind) => *slot = truth(typed, kind)?,
            (Slot::Number(slot), kind) => {
                let value = number(typed, kind)?;
                if kind == Kind::Count && value.fract() != 0.0 {
                    return Err(format!("'{typed}' is not a whole number"));
                }
                if value < question.least {
                    return Err(format!("'{typed}' is less than {}", question.least));
                }
                *slot = value;
            }
        }
        Ok(())
    }

    /// An answer as it would be typed.
    pub fn get(&self, question: &Question) -> String {
        let mut copy = self.clone();
        match (copy.slot(question.option), question.kind) {
            (Slot::Truth(truth), Kind::Work) => {
                if *truth { "waits" } else { "computes" }.to_owned()
            }
            (Slot::Truth(truth), _) => if *truth { "yes" } else { "no" }.to_owned(),
            (Slot::Number(number), Kind::Size) => bytes(*number).replace(" ", ""),
            (Slot::Number(number), _) => number.to_string(),
        }
    }
}

/// Answers as they come in: what was given, and for the rest what is taken instead.
#[derive(Clone, Debug)]
pub struct Given {
    /// All answers.
    pub answers: Answers,
    options: BTreeSet<&'static str>,
}

impl Given {
    /// Nothing yet, on so many CPUs.
    pub fn nothing(cores: usize) -> Given {
        Given { answers: Answers::default_for(cores), options: BTreeSet::new() }
    }

    /// Takes an answer as it was typed; the questions come in their order.
    ///
    /// # Errors
    ///
    /// What was expected, or which earlier answer it contradicts, as one sentence.
    pub fn set(&mut self, question: &Question, typed: &str) -> Result<(), String> {
        let mut next = self.answers.clone();
        next.set(question, typed)?;
        let is_given = |option| option == question.option || self.options.contains(option);
        // What several write all use, and what all use somebody has touched.
        if next.written > next.shared {
            if is_given("shared") {
                let most = bytes(next.shared);
                return Err(format!("'{typed}' is more than the {most} that all use (--shared)"));
            }
            next.shared = next.written;
        }
        if next.shared > next.memory && !next.programs {
            if is_given("memory") {
                let least = bytes(next.shared);
                return Err(format!(
                    "'{typed}' is less than the {least} that all use (--shared), which the parent \
                     has touched, too"
                ));
            }
            next.memory = next.shared;
        }
        self.answers = next;
        self.options.insert(question.option);
        Ok(())
    }

    /// What is taken for want of an answer, as options; empty if all was given.
    pub fn taken(&self) -> Vec<String> {
        QUESTIONS
            .iter()
            .filter(|question| !self.options.contains(question.option))
            .map(|question| format!("--{} {}", question.option, self.answers.get(question)))
            .collect()
    }
}

fn truth(typed: &str, kind: Kind) -> Result<bool, String> {
    let (yes, no) = match kind {
        Kind::Work => (["waits", "wait", "w"], ["computes", "compute", "c"]),
        _ => (["yes", "y", "true"], ["no", "n", "false"]),
    };
    let word = typed.to_ascii_lowercase();
    if yes.contains(&word.as_str()) {
        Ok(true)
    } else if no.contains(&word.as_str()) {
        Ok(false)
    } else {
        Err(format!("'{typed}' is neither {} nor {}", yes[0], no[0]))
    }
}

/// Reads `10000`, `10k`, `0.5`, and for sizes `64M`, `64MiB`, `1.5G`.
fn number(typed: &str, kind: Kind) -> Result<f64, String> {
    let example = if kind == Kind::Size { "64M or 1500" } else { "10000 or 10k" };
    let wrong = || format!("'{typed}' is not a number such as {example}");
    let word = typed.to_ascii_lowercase().replace([',', '_'], "");
    let (sign, word) = word.strip_prefix('-').map_or((1.0, word.as_str()), |rest| (-1.0, rest));
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    let (digits, unit) = word.split_at(end);
    let thousand: f64 = if kind == Kind::Size { 1024.0 } else { 1000.0 };
    let unit = unit.trim();
    let unit = if kind == Kind::Size {
        unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit)
    } else {
        unit
    };
    let power =
        ["", "k", "m", "g", "t"].iter().position(|known| *known == unit).ok_or_else(wrong)?;
    let value = digits.parse::<f64>().map_err(|_| wrong())? * thousand.powi(power as i32);
    match value > 1e15 {
        true => Err(format!("'{typed}' is more than any machine has")),
        false => Ok(sign * value),
    }
}

/// Bytes for people: `64 MiB`.
pub fn bytes(number: f64) -> String {
    let mut value = number;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 || unit == "TiB" {
            return format!("{} {unit}", short(value));
        }
        value /= 1024.0;
    }
    unreachable!("the last unit takes all")
}

/// A number for people: three digits that count, thousands parted.
pub fn short(number: f64) -> String {
    if number >= 100.0 {
        return lab::grouped(number.round_ties_even() as u128);
    }
    let mut text = String::new();
    let _ = match number {
        n if (n - n.round()).abs() <= 1e-6 * n => write!(text, "{n:.0}"),
        n if n >= 10.0 => write!(text, "{n:.1}"),
        n if n >= 0.01 => write!(text, "{n:.2}"),
        n if n >= 0.0005 => write!(text, "{n:.3}"),
        _ => write!(text, "<0.001"),
    };
    text
}

/// So many of something that has a plural in s.
pub fn counted(number: f64, one: &str) -> String {
    match short(number) {
        number if number == "1" => format!("1 {one}"),
        number => format!("{number} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(option: &str, typed: &str) -> Result<String, String> {
        let question = QUESTIONS.iter().find(|question| question.option == option).unwrap();
        let mut answers = Answers::default_for(4);
        answers.set(question, typed)?;
        Ok(answers.get(question))
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        assert_eq!(answered("starts", "10k").unwrap(), "10000");
        assert_eq!(answered("starts", "0.5").unwrap(), "0.5");
        assert_eq!(answered("memory", "64M").unwrap(), "64MiB");
        assert_eq!(answered("memory", "1.5 GiB").unwrap(), "1.50GiB");
        assert_eq!(answered("size", "100B").unwrap(), "100B");
        assert_eq!(answered("trusted", "No").unwrap(), "no");
        assert_eq!(answered("work", "wait").unwrap(), "waits");
    }

    #[test]
    fn what_is_no_answer_is_said_in_one_sentence() {
        for (option, typed) in [
            ("starts", "many"),
            ("starts", "-1"),
            ("starts", "--1"),
            ("memory", "-4M"),
            ("starts", "10MB"),
            ("starts", "NaN"),
            ("starts", ""),
            ("memory", "1e400"),
            ("memory", "9999T"),
            ("at-once", "0"),
            ("at-once", "2.5"),
            ("cores", "0.5"),
            ("trusted", "perhaps"),
            ("work", "yes"),
        ] {
            let wrong = answered(option, typed).unwrap_err();
            assert!(wrong.contains(typed) && !wrong.contains('\n'), "{wrong}");
        }
    }

    #[test]
    fn every_default_is_an_answer() {
        let answers = Answers::default_for(2);
        for question in QUESTIONS {
            let mut again = answers.clone();
            again.set(question, &answers.get(question)).unwrap();
            assert_eq!(again, answers, "{}", question.option);
        }
    }

    fn given(options: &str) -> Result<Given, String> {
        let mut given = Given::nothing(4);
        let words: Vec<&str> = options.split_whitespace().collect();
        for question in QUESTIONS {
            for pair in words.chunks(2).filter(|pair| pair[0] == question.option) {
                given.set(question, pair[1]).map_err(|why| format!("{}: {why}", pair[0]))?;
            }
        }
        Ok(given)
    }

    #[test]
    fn what_is_used_by_all_bounds_what_several_write_and_what_is_touched() {
        const MIB: f64 = 1048576.0;
        for (options, expected) in [
            ("written 3M", [3.0, 3.0, 64.0]),
            ("written 100M", [100.0, 100.0, 100.0]),
            ("shared 1G", [0.0, 1024.0, 1024.0]),
            ("shared 1G memory 2G", [0.0, 1024.0, 2048.0]),
            ("memory 1M shared 1M written 1M", [1.0, 1.0, 1.0]),
            // Another program brings its own data.
            ("shared 1G memory 1M programs yes", [0.0, 1024.0, 1.0]),
        ] {
            let Answers { written, shared, memory, .. } = given(options).unwrap().answers;
            assert_eq!([written, shared, memory].map(|size| size / MIB), expected, "{options}");
        }
    }

    #[test]
    fn answers_that_contradict_each_other_are_refused() {
        for (options, said) in [
            ("shared 1M written 5M", "written: '5M' is more than the 1 MiB that all use"),
            ("written 5M shared 1M", "written: '5M' is more than the 1 MiB that all use"),
            ("shared 0 written 1", "written: '1' is more than the 0 B that all use"),
            ("shared 1G memory 64M", "memory: '64M' is less than the 1 GiB that all use"),
            ("written 1G memory 64M", "memory: '64M' is less than the 1 GiB that all use"),
        ] {
            let wrong = given(options).unwrap_err();
            assert!(wrong.starts_with(said) && !wrong.contains('\n'), "{wrong}");
        }
    }

    #[test]
    fn what_is_taken_for_want_of_an_answer_is_told() {
        let taken = given("starts 10k written 100M").unwrap().taken();
        assert_eq!(taken.len(), QUESTIONS.len() - 2);
        for option in ["--shared 100MiB", "--memory 100MiB", "--at-once 8"] {
            assert!(taken.contains(&option.to_owned()), "{taken:?}");
        }
    }

    #[test]
    fn numbers_are_shown_in_three_digits() {
        assert_eq!(
            [0.0, 0.28, 1.7, 12.34, 10000.0].map(short),
            ["0", "0.28", "1.70", "12.3", "10,000"]
        );
        assert_eq!(bytes(1536.0), "1.50 KiB");
    }
}
