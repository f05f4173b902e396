//! An editor takes keys, checks the spelling and saves, on one CPU: in one loop, where a key waits
//! for the whole of a check, and in three threads, where the kernel takes the CPU from the checker.

use std::collections::HashSet;
use std::fs::File;
use std::io::{PipeReader, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{Child, explain_io, explain_temporary, failed};
use lab::machine::Busy;
use lab::sample::{Comparison, Pinned, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

use crate::clock::{self, p99};

pub const EXPERIMENT: Experiment = Experiment {
    name: "word-processor",
    question: "How long does a key wait while the editor checks and saves?",
    claims: &["word-processor"],
    run,
};

/// A key comes this often, whether or not the last one has been taken.
const PERIOD: Duration = Duration::from_millis(1);
const KEYS: u32 = 100;
/// A check begins at every 50th key, and needs so much CPU time.
const CHECK_EVERY: u32 = 50;
const CHECK: Duration = Duration::from_millis(25);
/// The text is saved at every 50th key too, but at other keys.
const SAVE_AFTER: u32 = 40;

fn run(lab: &Lab) -> Result<Evidence> {
    let cpu = allowed_cpus().last().copied().unwrap_or(0);
    let _pin = Pinned::to(cpu)?;
    let watch = Busy::begin();
    let (mut pairs, mut keys, mut during, mut text) = (Vec::new(), 0, [0, 0], true);
    for _ in 0..lab.by_effort(2, 3, 25) {
        let [one, three] = [edit(Editor::in_one_loop)?, edit(Editor::in_three_threads)?];
        pairs.push([one.p99, three.p99]);
        keys += one.keys + three.keys;
        during = [during[0] + one.checks, during[1] + three.checks];
        text &= one.whole && three.whole;
    }
    let mut waits = Comparison::paired(
        ["one loop: 99th percentile", "three threads: 99th percentile"],
        "ms",
        &pairs,
    )
    .context("no keys")?;
    waits.place = format!("on CPU {cpu}");
    // Others who want the CPU make keys late in both arms: that hides a difference, and makes none.
    if waits.ratio.median < 3.0 {
        waits.doubt = watch.so_far();
    }
    let period = PERIOD.as_millis();
    let check = CHECK.as_millis();
    let per = 1000 / period;
    say!("main", "on CPU {cpu}: {per} keys a second; a check computes for {check} ms");
    for ((name, side), role) in waits.sides.iter().zip(["loop", "threads"]) {
        let name = name.split(':').next().unwrap_or(name);
        say!(role, "{name}: 99 of 100 keys are taken within {:.1} ms", side.median);
    }
    let ratio = waits.ratio;
    say!("main", "one loop to three threads: {:.1} times ({ratio})", ratio.median);
    let word = if text { "holds all" } else { "does not hold all" };
    say!("main", "the text that was saved last {word} keys that came before");
    Ok(Evidence::new()
        .fact("word-processor: keys", keys)
        .fact("word-processor: checks, one loop", during[0])
        .fact("word-processor: checks, three threads", during[1])
        .fact("word-processor: what was saved is a beginning of the text", text)
        .compared("word-processor: p99, one loop / three threads", &waits))
}

/// What one arm has seen.
struct Seen {
    /// 99 of 100 keys were taken within so many milliseconds.
    p99: f64,
    keys: u32,
    checks: u32,
    whole: bool,
}

struct Editor {
    document: Mutex<Vec<u8>>,
    checked: Mutex<u32>,
    file: File,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets an editor take all keys, and looks at what it has saved.
fn edit(arm: fn(&Editor, Keyboard) -> Result<Vec<Duration>>) -> Result<Seen> {
    let editor =
        Editor { document: Mutex::default(), checked: Mutex::default(), file: nameless_file()? };
    let mut waited = arm(&editor, Keyboard::start()?)?;
    let mut saved = Vec::new();
    (&editor.file).rewind().map_err(explain_io("lseek"))?;
    (&editor.file).read_to_end(&mut saved).map_err(explain_io("read"))?;
    let whole = !saved.is_empty() && lock(&editor.document).starts_with(&saved);
    let (keys, checks) = (waited.len() as u32, *lock(&editor.checked));
    Ok(Seen { p99: p99(&mut waited), keys, checks, whole })
}

impl Editor {
    // ANCHOR: loop
    fn in_one_loop(&self, mut keyboard: Keyboard) -> Result<Vec<Duration>> {
        let mut waited = Vec::new();
        while let Some(key) = keyboard.next()? {
            waited.push(self.take(key)?);
            match key.number % CHECK_EVERY {
                1 => self.check()?,
                SAVE_AFTER => self.save()?,
                _ => {}
            }
        }
        Ok(waited)
    }
    // ANCHOR_END: loop

    // ANCHOR: threads
    fn in_three_threads(&self, mut keyboard: Keyboard) -> Result<Vec<Duration>> {
        let ((check, checks), (save, saves)) = (channel(), channel());
        std::thread::scope(|scope| {
            let checker =
                spawn(scope, "checker", || checks.into_iter().try_for_each(|()| self.check()))?;
            let saver = spawn(scope, "saver", || saves.into_iter().try_for_each(|()| self.save()))?;
            let mut waited = Vec::new();
            while let Some(key) = keyboard.next()? {
                waited.push(self.take(key)?);
                match key.number % CHECK_EVERY {
                    // A thread that has failed says why when it is joined.
                    1 => drop(check.send(())),
                    SAVE_AFTER => drop(save.send(())),
                    _ => {}
                }
            }
            drop((check, save));
            checker.join().ok().context("the checker has panicked")??;
            saver.join().ok().context("the saver has panicked")??;
            Ok(waited)
        })
    }
    // ANCHOR_END: threads

    /// Takes a key into the text; how long it has waited for that since it was due.
    fn take(&self, key: Key) -> Result<Duration> {
        lock(&self.document).push(key.letter);
        Ok(clock::now()?.saturating_sub(key.due))
    }

    // ANCHOR: check
    /// Looks words up until that has taken so much CPU time: the same work in both arms.
    fn check(&self) -> Result<()> {
        let text = lock(&self.document).clone();
        let (start, known) = (clock::of_thread()?, HashSet::from([&b"word"[..], b"text"]));
        let mut unknown = 0;
        while clock::of_thread()? - start < CHECK {
            let words = text.split(|letter| *letter == b' ');
            unknown += words.filter(|word| !known.contains(word)).count();
        }
        std::hint::black_box(unknown);
        *lock(&self.checked) += 1;
        Ok(())
    }
    // ANCHOR_END: check

    /// Writes the text and waits until it is on the disk.
    fn save(&self) -> Result<()> {
        let text = lock(&self.document).clone();
        (&self.file).rewind().map_err(explain_io("lseek"))?;
        (&self.file).write_all(&text).map_err(explain_io("write"))?;
        self.file.sync_all().map_err(explain_io("fsync"))
    }
}

/// A file that never has a name, open(2), so that nothing is left behind.
fn nameless_file() -> Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_TMPFILE);
    options.open(std::env::temp_dir()).map_err(explain_temporary("open"))
}

/// A letter, and when its key was pressed.
#[derive(Clone, Copy)]
struct Key {
    number: u32,
    letter: u8,
    due: Duration,
}

/// A process that presses keys at a fixed rate, into a pipe.
struct Keyboard {
    pipe: PipeReader,
    number: u32,
    _process: Child,
}

impl Keyboard {
    fn start() -> Result<Keyboard> {
        let (pipe, mut keys) = std::io::pipe().map_err(explain_io("pipe"))?;
        let mut press = move || -> Result<()> {
            let mut due = clock::now()?;
            for _ in 0..KEYS {
                due += PERIOD;
                clock::sleep_until(due)?;
                let bytes = (due.as_nanos() as u64).to_ne_bytes();
                keys.write_all(&bytes).map_err(explain_io("write"))?;
            }
            Ok(())
        };
        // SAFETY: this process has one thread; those of an arm before have been joined.
        let process = unsafe {
            Child::fork(|| match press() {
                Ok(()) => 0,
                Err(error) => failed(&error),
            })
        }?;
        drop(press);
        Ok(Keyboard { pipe, number: 0, _process: process })
    }

    /// Waits for a key; `None` after the last one.
    fn next(&mut self) -> Result<Option<Key>> {
        let mut due = [0; 8];
        match self.pipe.read_exact(&mut due) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read.map_err(explain_io("read"))?,
        }
        self.number += 1;
        let letter = b"a word in the text "[self.number as usize % 19];
        let due = Duration::from_nanos(u64::from_ne_bytes(due));
        Ok(Some(Key { number: self.number, letter, due }))
    }
}
