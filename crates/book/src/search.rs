//! Completes the search index that mdBook has made: each entry of the glossary is found by itself, and
//! chapters come before exercises of the same words, and by their names before what only mentions them.
//!
//! mdBook makes one entry for each heading, and the whole glossary has one; the index is elasticlunr's
//! (version 0.9.5), as JSON in a string of a script. What plain mdBook builds can be searched too.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use elasticlunr::Language;
use elasticlunr::lang::English;
use serde_json::{Map, Value, json};

use crate::glossary;

/// What the index's script has before and after the JSON.
const BEFORE: &str = "window.search = Object.assign(window.search, JSON.parse('";
const AFTER: &str = "'));";
/// What words of an exercise count, against those of a chapter.
const EXERCISES: f64 = 0.3;
const FIELDS: [&str; 3] = ["title", "body", "breadcrumbs"];

/// Completes the index of the book in `pages`.
///
/// # Errors
///
/// If the index is not as mdBook is known to write it.
pub fn complete(pages: &Path, glossary: &str) -> Result<()> {
    let path = script(pages)?;
    let mut search = read(&path)?;
    for (title, says) in glossary::definitions(glossary) {
        let url = format!("glossary.html#{}", glossary::id(&title));
        // What people say as well counts as the term itself.
        let also = says.strip_prefix("(Also: ").and_then(|also| also.split_once(".)"));
        let title = also.map_or(title.clone(), |(also, _)| format!("{title} ({also})"));
        let breadcrumbs = format!("Glossary » {title}");
        add(&mut search, &url, [&title, &says, &breadcrumbs]).context("add to the search index")?;
    }
    name_chapters(&mut search).context("weigh the titles in the search index")?;
    let exercises = of_exercises(&search);
    for field in FIELDS {
        weaken(&mut search["index"]["index"][field]["root"], &exercises);
    }
    let json = search.to_string().replace('\\', "\\\\").replace('\'', "\\'");
    fs::write(&path, format!("{BEFORE}{json}{AFTER}")).with_context(|| path.display().to_string())
}

/// The script that holds the index; its name has a hash of what mdBook has written.
fn script(pages: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(pages).with_context(|| pages.display().to_string())?;
    let is_index = |name: &str| name.starts_with("searchindex") && name.ends_with(".js");
    let found = files.flatten().find(|file| file.file_name().to_str().is_some_and(is_index));
    Ok(found.context("the book has no search index")?.path())
}

fn read(path: &Path) -> Result<Value> {
    let script = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let json = script.strip_prefix(BEFORE).and_then(|rest| rest.trim_end().strip_suffix(AFTER));
    let json = json.context("the search index is not as mdBook writes it")?;
    let mut text = String::with_capacity(json.len());
    let mut letters = json.chars();
    while let Some(letter) = letters.next() {
        // A backslash stands before a quote and before another one.
        text.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    serde_json::from_str(&text).context("the search index is no JSON")
}

/// The words of a text as the index knows them.
fn tokens(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| letter.is_whitespace() || letter == '-');
    let words = words.filter(|word| !word.is_empty()).map(str::to_lowercase);
    English::new().make_pipeline().run(words.collect())
}

/// Adds what stands at this address, with the texts of the fields.
fn add(search: &mut Value, url: &str, texts: [&str; 3]) -> Option<()> {
    let urls = search["doc_urls"].as_array_mut()?;
    let number = urls.len().to_string();
    urls.push(json!(url));
    let (mut stored, mut lengths) = (json!({ "id": number }), Map::new());
    for (field, text) in FIELDS.into_iter().zip(texts) {
        let tokens = tokens(text);
        lengths.insert(field.to_owned(), json!(tokens.len()));
        stored[field] = json!(text);
        for token in &tokens {
            let times = tokens.iter().filter(|other| *other == token).count() as f64;
            let mut node = &mut search["index"]["index"][field]["root"];
            for letter in token.chars() {
                let next = node.as_object_mut()?.entry(letter.to_string());
                node = next.or_insert_with(|| json!({ "df": 0, "docs": {} }));
            }
            let docs = node["docs"].as_object_mut()?;
            docs.insert(number.clone(), json!({ "tf": times.sqrt() }));
            node["df"] = json!(node["docs"].as_object()?.len());
        }
    }
    let store = &mut search["index"]["documentStore"];
    store["docs"].as_object_mut()?.insert(number.clone(), stored);
    store["docInfo"].as_object_mut()?.insert(number, Value::Object(lengths));
    store["length"] = json!(store["docs"].as_object()?.len());
    Some(())
}

/// Lets a chapter's title be as long as its name, the part before the colon: a word counts the less the
/// longer the text is in which it stands, and what a title says besides must not weaken the name.
fn name_chapters(search: &mut Value) -> Option<()> {
    for (number, url) in search["doc_urls"].as_array()?.clone().iter().enumerate() {
        let (page, heading) = url.as_str()?.split_once(".html#")?;
        if page != heading {
            continue;
        }
        let store = &mut search["index"]["documentStore"];
        let title = store["docs"][number.to_string()]["title"].as_str()?;
        let words = tokens(title.split(':').next()?).len();
        let lengths = &mut store["docInfo"][number.to_string()];
        lengths["title"] = json!(words);
        // The name in the table of contents stands there too.
        lengths["breadcrumbs"] = json!(2 * words);
    }
    Some(())
}

/// The numbers of what stands in exercises.
fn of_exercises(search: &Value) -> Vec<String> {
    let urls = search["doc_urls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_exercise = |url: &Value| url.as_str().is_some_and(|url| url.starts_with("exercises/"));
    let numbered = urls.iter().enumerate().filter(|(_, url)| is_exercise(url));
    numbered.map(|(number, _)| number.to_string()).collect()
}

/// Lets words count less in these entries, in a part of the tree of words.
fn weaken(node: &mut Value, entries: &[String]) {
    let Some(node) = node.as_object_mut() else { return };
    for (key, below) in node {
        if key == "docs" {
            for (number, word) in below.as_object_mut().into_iter().flatten() {
                if entries.contains(number) {
                    word["tf"] = json!(word["tf"].as_f64().unwrap_or(0.0) * EXERCISES);
                }
            }
        } else if key != "df" {
            weaken(below, entries);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::build;

    /// What is asked, and a page that must be among the first three that are found.
    const QUERIES: [(&str, &str); 70] = [
        ("green threads", "glossary.html#coroutine"),
        ("daemon", "glossary.html#orphan"),
        ("spurious wakeup", "glossary.html#spurious-wake-up"),
        ("mutex", "mutexes.html"),
        ("lock", "mutexes.html"),
        ("spin lock", "mutexes.html"),
        ("semaphore", "semaphores.html"),
        ("deadlock", "deadlock.html"),
        ("livelock", "glossary.html#livelock"),
        ("starvation", "glossary.html#starvation"),
        ("race condition", "race-condition.html"),
        ("data race", "glossary.html#data-race"),
        ("lost update", "glossary.html#lost-update"),
        ("critical section", "glossary.html#critical-section"),
        ("condition variable", "condition-variables.html"),
        ("spurious wake-up", "glossary.html#spurious-wake-up"),
        ("thread pool", "thread-pool.html"),
        ("false sharing", "glossary.html#false-sharing"),
        ("priority inversion", "glossary.html#priority-inversion"),
        ("futex", "glossary.html#futex"),
        ("atomic", "glossary.html#atomic-operation"),
        ("GIL", "glossary.html#gil"),
        ("async", "questions.html"),
        ("coroutine", "coroutines.html"),
        ("context switch", "context-switch.html"),
        ("page fault", "glossary.html#page-fault"),
        ("copy on write", "glossary.html#copy-on-write"),
        ("virtual memory", "glossary.html#address-space"),
        ("fork", "fork.html"),
        ("zombie", "process-lifecycle.html"),
        ("orphan", "process-lifecycle.html"),
        ("SIGKILL", "glossary.html#sigterm-sigkill"),
        ("segmentation fault", "glossary.html#segmentation-fault-sigsegv"),
        ("shared memory", "shared-memory.html"),
        ("message queue", "message-queues.html"),
        ("pipe", "pipes.html"),
        ("barrier", "glossary.html#barrier"),
        ("which should I use", "questions.html#process-or-thread-which-should-i-use"),
        ("multithreading", "ledger.html"),
        ("difference between thread and process", "questions.html#what-is-a-thread"),
        ("how to kill a thread", "questions.html#how-does-one-stop-or-kill-a-thread"),
        ("kill -9", "glossary.html#sigterm-sigkill"),
        ("ctrl c", "glossary.html#process-group"),
        ("notify_one vs notify_all", "condition-variables.html"),
        ("stack overflow", "threads.html#the-stack"),
        ("exec", "glossary.html#exec"),
        ("waitpid", "process-lifecycle.html"),
        ("Arc Mutex", "mutexes.html"),
        ("rwlock", "mutexes.html#many-readers"),
        ("thread safe", "glossary.html#thread-safe"),
        ("volatile", "glossary.html#atomic-operation"),
        ("compare and swap", "glossary.html#cas-compare-and-exchange"),
        ("memory ordering", "glossary.html#ordering"),
        ("round robin", "glossary.html#scheduler"),
        ("nice priority", "scheduling.html#nice"),
        ("work stealing", "glossary.html#work-stealing"),
        ("how many threads should I create", "thread-pool.html#how-many-threads"),
        ("hyperthreading", "glossary.html#smt"),
        ("amdahl", "parallelism.html"),
        ("sandbox", "glossary.html#sandbox"),
        ("seccomp", "glossary.html#seccomp"),
        ("container", "clone-flags.html"),
        ("unix domain socket", "sockets.html"),
        ("named pipe", "pipes.html#a-pipe-with-a-name"),
        ("broken pipe", "pipes.html"),
        ("mpsc", "channels.html"),
        ("tokio", "coroutines.html"),
        ("goroutines", "coroutines.html"),
        ("python multiprocessing", "spawn-join.html#the-same-in-python"),
        ("restart after crash", "supervision.html"),
    ];

    /// The addresses that a reader gets, best first: elasticlunr's search, with mdBook's options.
    fn found(search: &Value, query: &str) -> Vec<String> {
        let entries = search["doc_urls"].as_array().unwrap();
        let infos = &search["index"]["documentStore"]["docInfo"];
        let words = tokens(query);
        let mut scores: BTreeMap<usize, f64> = BTreeMap::new();
        for field in FIELDS {
            let options = &search["search_options"]["fields"][field];
            let boost = options["boost"].as_f64().unwrap();
            let mut of_field: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
            for word in &words {
                let mut expanded = Vec::new();
                let root = &search["index"]["index"][field]["root"];
                let node = word.chars().try_fold(root, |node, letter| node.get(letter.to_string()));
                node.inspect(|node| below(node, word.clone(), &mut expanded));
                for (token, docs) in expanded {
                    let idf = 1.0 + (entries.len() as f64 / (docs.len() as f64 + 1.0)).ln();
                    let (length, asked) = (token.len() as f64, word.len() as f64);
                    let exact = token == *word;
                    let fits = if exact { 1.0 } else { 0.15 * (1.0 - (length - asked) / length) };
                    for (number, tf) in docs {
                        let size = infos[number][field].as_f64().unwrap().max(1.0);
                        let (score, words) = of_field.entry(number.parse().unwrap()).or_default();
                        *score += tf["tf"].as_f64().unwrap() * idf * fits / size.sqrt();
                        *words += usize::from(exact);
                    }
                }
            }
            for (number, (score, exact)) in of_field {
                // An entry that has none of the words as they are keeps its score.
                let share = if exact > 0 { exact as f64 / words.len() as f64 } else { 1.0 };
                *scores.entry(number).or_default() += boost * score * share;
            }
        }
        let mut order: Vec<(usize, f64)> = scores.into_iter().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        order.iter().map(|(number, _)| entries[*number].as_str().unwrap().to_owned()).collect()
    }

    /// The words of the index that begin so, each with where it stands.
    fn below<'a>(node: &'a Value, word: String, found: &mut Vec<(String, &'a Map<String, Value>)>) {
        for (key, next) in node.as_object().unwrap() {
            match (key.as_str(), next.as_object()) {
                ("docs", Some(docs)) if !docs.is_empty() => found.push((word.clone(), docs)),
                ("docs" | "df", _) => {}
                (letter, _) => below(next, format!("{word}{letter}"), found),
            }
        }
    }

    #[test]
    fn what_readers_ask_for_is_found_in_chapters_and_the_glossary_before_exercises() {
        let pages = build::build(&build::find().unwrap()).expect("the book builds");
        let search = read(&script(&pages).unwrap()).unwrap();
        let mut missed = Vec::new();
        for (query, wanted) in QUERIES {
            let found = found(&search, query);
            let first = &found[..found.len().min(3)];
            println!("{query}: {}", first.join(" "));
            let exercise = found.iter().position(|url| url.starts_with("exercises/"));
            let place = found.iter().position(|url| url.starts_with(wanted));
            if !first.iter().any(|url| url.starts_with(wanted))
                || exercise < place && exercise.is_some()
            {
                missed.push(format!("{query}: not {wanted}, but {}", first.join(" ")));
            }
        }
        assert!(missed.is_empty(), "{missed:#?}");
    }

    #[test]
    fn exercises_are_still_found() {
        let pages = build::build(&build::find().unwrap()).expect("the book builds");
        let search = read(&script(&pages).unwrap()).unwrap();
        for (query, wanted) in [
            ("dining philosophers", "exercises/philosophers.html"),
            ("reap every child", "exercises/reap.html"),
            ("bank transfer", "exercises/bank-transfer.html"),
        ] {
            let found = found(&search, query);
            assert!(found.iter().take(3).any(|url| url.starts_with(wanted)), "{query}: {found:?}");
        }
    }
}
