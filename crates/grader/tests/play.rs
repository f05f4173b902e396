//! The learner is the scheduler: `--play` driven over its standard input, and verdicts as pages. Of the
//! starters' counter-examples a share is walked, and a share becomes pages, another one in each run;
//! `GRADE_SHARE=1` takes all.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use grader::share::Share;

/// One starter in so many.
const USUAL: usize = 3;

fn exercises() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../exercises")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
    command.args(arguments).env_remove("CLICOLOR_FORCE").env("COLUMNS", "80");
    command
}

/// What is printed, and the exit status.
fn run(arguments: &[&str], input: &str) -> (String, Option<i32>) {
    let mut command = command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A reader that has seen enough may be gone.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

/// The boards, one after each command.
fn boards(said: &str) -> Vec<&str> {
    said.split("\n> ").collect()
}

/// The exercises that are run under schedules or orderings: name, and the file of the starter.
fn explored() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(exercises()).unwrap() {
        let directory = entry.unwrap().path();
        let Ok(about) = std::fs::read_to_string(directory.join("exercise.toml")) else { continue };
        if !about.contains("kind = \"process\"") {
            let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
            found.push((name, directory.join("starter.rs").to_str().unwrap().to_owned()));
        }
    }
    found.sort();
    found
}

/// What a verdict says of its first failure: its heading, the line after it, and the replay.
fn failure(said: &str) -> (&str, &str, &str) {
    let lines: Vec<&str> = said.lines().collect();
    let replay = said.lines().find_map(|line| line.split("--replay ").nth(1));
    let check = replay.unwrap().split(':').next().unwrap();
    let heading = lines.iter().position(|line| line.starts_with(&format!("{check}: ")));
    let heading = heading.unwrap();
    (lines[heading], lines[heading + 1], replay.unwrap())
}

#[test]
fn each_starters_counter_example_is_walked_to_what_is_wrong() {
    let explored = explored();
    assert!(explored.len() >= 10, "{explored:?}");
    for (name, starter) in &Share::of_test(USUAL).unwrap().of("starters", explored) {
        let (verdict, code) = run(&[name, "--file", starter], "");
        assert_eq!(code, Some(1), "{verdict}");
        let (heading, message, replay) = failure(&verdict);
        let arguments = [name, "--file", starter, "--replay", replay, "--play"];
        let (said, _) = run(&arguments, "q\n");
        let beginning = said.lines().next().unwrap();
        let steps = beginning.split_whitespace().rev().nth(1).and_then(|it| it.parse().ok());
        let steps: usize = steps.unwrap_or_else(|| panic!("{name}: {said}"));
        assert!(steps > 0, "{name}: {said}");

        let (said, code) = run(&arguments, &"n\n".repeat(steps));
        assert_eq!(code, Some(1), "{name}: it is left where it has failed");
        let boards = boards(&said);
        assert_eq!(boards.len(), steps + 1, "{name}");
        for (step, board) in boards.iter().enumerate() {
            let is_last = step == steps;
            let position = match step {
                0 if steps == 1 => "at the beginning of 1 step\n".to_owned(),
                0 => format!("at the beginning of {steps} steps\n"),
                1 if is_last => "after 1 step\n".to_owned(),
                step if is_last => format!("after {step} steps\n"),
                step => format!("after step {step} of {steps}\n"),
            };
            assert!(board.contains(&position), "{name}, step {step}: {board}");
            let named = board.lines().any(|line| line == heading)
                && board.lines().any(|line| line == message);
            assert_eq!(named, is_last, "{name}, step {step} of {steps}: {heading}\n{board}");
        }

        // Back to the beginning, and forwards at once.
        let (said, _) = run(&arguments, &format!("e {} e\n", "u ".repeat(steps)));
        let again = self::boards(&said);
        let board = |text: &str| text.split_once("\n\n").map(|(_, board)| board.trim().to_owned());
        assert_eq!(board(again[steps + 1]), Some(boards[0].trim().to_owned()), "{name}");
        assert_eq!(board(again[1]), board(boards[steps]), "{name}");
        assert_eq!(board(again[steps + 2]), board(boards[steps]), "{name}");
    }
}

#[test]
fn the_player_chooses_undoes_and_has_it_broken() {
    let wrong = exercises().join("bounded-queue/wrong/flag-outside-the-lock.rs");
    let wrong = wrong.to_str().unwrap();
    let arguments = ["bounded-queue", "--file", wrong, "--play", "close-wakes-all"];
    let (said, code) = run(&arguments, "2 2\n2\nu 4 9 x\nb\ne q n\n");
    assert_eq!(code, Some(1));
    assert_eq!(
        run(&arguments, "2 2\n2\nb\ne u q\n").1,
        Some(0),
        "back from the end, nothing has failed"
    );
    let boards = boards(&said);
    let has = |board: usize, what: &str| {
        assert!(boards[board].contains(what), "{board}, {what}: {}", boards[board]);
    };
    has(0, "1 main                    2 consumer 1              3 consumer 2\n");
    has(0, "\n1 2 3 run · o on · r random · b break it · a again");
    has(1, "after 1 step\n");
    has(2, " 40 locks items\n");
    has(2, "  items: held by consumer 1\n");
    has(3, " 41 reads false from\n");
    has(4, "after step 2 of 3\n");
    has(5, "There is no thread 4.");
    has(6, "There is no thread 9.");
    has(7, "There is no command \"x\"");
    // It goes on from where the player was.
    has(8, "steps from here. n walks there.");
    has(8, "after step 2 of ");
    has(9, "close-wakes-all: deadlock\n");
    has(9, "waits\n");
    has(9, "cargo grade bounded-queue --replay close-wakes-all:1x3-");
    assert_eq!(boards.len(), 11, "nothing is done after q: {said}");
    let shown = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/board.txt"));
    assert_eq!(shown.unwrap().trim_end(), boards[3].split_once("\n\n").unwrap().1.trim_end());

    // What spins is shown to where it begins to, and then the end.
    let wrong = exercises().join("bounded-queue/wrong/spin-instead-of-wait.rs");
    let arguments = ["bounded-queue", "--file", wrong.to_str().unwrap(), "--play", "waits-asleep"];
    let (said, _) = run(&arguments, "1 b e\n");
    let boards = self::boards(&said);
    assert!(boards[2].contains(", and then on and on. n walks there."), "{}", boards[2]);
    assert!(boards[2].contains("after step 1 of "), "{}", boards[2]);
    assert!(boards[3].contains("waits-asleep: running without getting anywhere\n"), "{said}");
    assert!(boards[3].contains("And so on, for "), "{}", boards[3]);

    // The mended one cannot be broken, runs on by chance, and its waits may end for no reason.
    let right = exercises().join("bounded-queue/solution.rs");
    let right = right.to_str().unwrap();
    let arguments = ["bounded-queue", "--file", right, "--play", "nothing-lost"];
    let (said, _) = run(&arguments, "b r u a\n");
    let boards = self::boards(&said);
    assert!(boards[1].contains(" schedules from here goes wrong."), "{}", boards[1]);
    assert!(boards[2].contains("It has ended, and nothing went wrong."), "{}", boards[2]);
    assert!(boards[3].contains("after step "), "{}", boards[3]);
    assert!(boards[4].contains("at the beginning of "), "{}", boards[4]);
    // A run by chance has waits that end by chance: what the player does is looked at where there was none.
    let (said, _) = run(&arguments, "1 1 1 c u u o\n");
    let boards = self::boards(&said);
    let decides = |board: &&&str| board.contains("Chance could have decided");
    let waits = boards.iter().find(decides).unwrap();
    assert!(waits.contains("main waits\n"), "{waits}");
    assert!(boards[4].contains("can run"), "{}", boards[4]);
    assert!(!boards[4].contains("main waits\n"), "{}", boards[4]);
    assert!(boards.last().unwrap().contains("More than one thread can run: choose one."), "{said}");
}

#[test]
fn what_crashes_or_does_not_compile_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mine.rs");
    let starter = std::fs::read_to_string(exercises().join("bounded-queue/starter.rs")).unwrap();
    let path = file.to_str().unwrap();
    let play =
        |input: &str| run(&["bounded-queue", "--file", path, "--play", "nothing-lost"], input);

    std::fs::write(&file, starter.replace("items.pop_front()", "items.pop_front(")).unwrap();
    let (said, code) = play("1\n");
    assert_eq!(code, Some(1));
    assert!(said.starts_with("This does not compile.\n"), "{said}");

    std::fs::write(&file, starter.replace("items.pop_front()", "std::process::abort()")).unwrap();
    let (said, code) = play("1\n");
    assert_eq!(code, Some(1));
    assert!(said.starts_with("This cannot be judged.\n"), "{said}");

    let deep = "fn deep(n: u64) -> u64 { std::hint::black_box([n; 64]); deep(n + 1) + 1 }\n";
    let source = starter.replace("items.pop_front() //", "deep(items.len() as u64); None //");
    std::fs::write(&file, source + deep).unwrap();
    let (said, code) = play("1\n");
    assert_eq!((code, said.contains("it crashed")), (Some(1), true), "{said}");
    let (said, code) = play("1 u 2\n");
    assert_eq!(code, Some(0));
    let boards = boards(&said);
    assert!(boards[1].contains("nothing-lost: it crashed\n"), "{said}");
    assert!(boards[1].contains("SIGSEGV"), "{said}");
    assert!(boards[2].contains("at the beginning of 1 step\n"), "one can go back: {said}");
    assert!(boards[3].contains("after 1 step\n") && !boards[3].contains("crashed"), "{said}");
}

#[test]
fn a_verdict_becomes_a_page() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("verdict.html");
    let path = path.to_str().unwrap();
    for (name, starter) in &Share::of_test(USUAL).unwrap().of("pages", explored()) {
        let (said, code) = run(&[name, "--file", starter, "--html", path], "");
        assert_eq!(code, Some(1), "{name}");
        let (_, _, replay) = failure(&said);
        let html = std::fs::read_to_string(path).unwrap();
        for outside in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!html.contains(outside), "{name}: {outside}");
        }
        assert!(html.contains(&format!("cargo grade {name} --replay {replay}")), "{name}");
        let body = html.split("<body>").nth(1).unwrap().split("<script>").next().unwrap();
        let document = roxmltree::Document::parse(body.split("</body>").next().unwrap());
        let document = document.unwrap_or_else(|why| panic!("{name}: {why}"));
        let of = |class: &str| {
            let is_it = |node: &roxmltree::Node| {
                node.attribute("class").is_some_and(|it| it.split(' ').any(|it| it == class))
            };
            document.descendants().filter(is_it).count()
        };
        let rows = document.descendants().filter(|node| node.has_attribute("data-step")).count();
        assert!(rows > 0 && of("board") == rows + 1, "{name}: {rows} steps");
        assert_eq!(of("walk"), 1, "{name}");
    }

    // Whoever names the own file instead keeps it, and what is no place is said before judging.
    let own = directory.path().join("semaphore.rs");
    std::fs::copy(exercises().join("semaphore/starter.rs"), &own).unwrap();
    let before = std::fs::read(&own).unwrap();
    let nowhere = directory.path().join("none/page.html");
    for place in [&own, &directory.path().to_owned(), &nowhere] {
        let own = own.to_str().unwrap();
        let arguments = ["semaphore", "--file", own, "--html", place.to_str().unwrap()];
        assert_eq!(run(&arguments, ""), (String::new(), Some(1)));
    }
    assert_eq!(std::fs::read(&own).unwrap(), before);

    let solution = exercises().join("reap/solution.rs");
    let (_, code) = run(&["reap", "--file", solution.to_str().unwrap(), "--html", path], "");
    assert_eq!(code, Some(0));
    let html = std::fs::read_to_string(path).unwrap();
    assert!(html.contains("<h1>reap: passed, "), "{html}");
    assert!(!html.contains("data-step=\""), "there are no schedules");
}
