//! What locks, channels and atomics are called in the source: by the field or variable that they are
//! made for, or by what they are used through.

use explorer::report::{Place, Resource};

use crate::show::Sources;

/// The names of these, in their order.
pub fn names(resources: &[Resource], sources: Sources) -> Vec<String> {
    let named = |resource| name(resource, sources);
    let names: Vec<(String, bool)> = resources.iter().map(named).collect();
    let several = |index: usize| {
        let (name, is_one_of) = &names[index];
        let same = || (0..names.len()).filter(|other| names[*other].0 == *name);
        let rank = if *is_one_of {
            resources[index].rank
        } else {
            same().take_while(|other| *other < index).count()
        };
        (*is_one_of || same().count() > 1).then_some(rank)
    };
    let with_rank = |index: usize| match several(index) {
        Some(rank) => format!("{}[{rank}]", names[index].0),
        None => names[index].0.clone(),
    };
    (0..names.len()).map(with_rank).collect()
}

/// The name, and whether it is that of several which are made in one place.
fn name(resource: &Resource, sources: Sources) -> (String, bool) {
    let source =
        |place: &Place| sources.iter().find(|(name, _)| *name == place.file).map(|(_, text)| *text);
    // What was made where it was used first has one place.
    let made = &resource.made;
    let used = if resource.used.line == 0 { made } else { &resource.used };
    let several = resource.siblings > 1;
    if resource.kind != "atomic"
        && let Some(name) = source(made).and_then(|text| made_for(text, made))
    {
        return (name, several);
    }
    if let Some((name, indexed)) = source(used).and_then(|text| receiver(text, used)) {
        return (name, indexed && several);
    }
    match several {
        false => (format!("made at {made}"), false),
        true => (format!("{} of those made at {made}", resource.rank + 1), false),
    }
}

/// The name of a field or variable that is given what is made at this place.
fn made_for(source: &str, place: &Place) -> Option<String> {
    let lines: Vec<&str> = source.lines().collect();
    let line = (place.line as usize).checked_sub(1)?;
    let column = (place.column as usize).saturating_sub(1);
    for back in 0..3 {
        let text = lines.get(line.checked_sub(back)?)?;
        let text = if back == 0 { before(text, column) } else { text };
        let end = text.trim_end();
        // What is made for a derived `Default` is made at its name, and what stands before another
        // statement or block belongs to that.
        if end.trim_start().starts_with("#[") || back > 0 && end.ends_with([';', '{', '}']) {
            return None;
        }
        if let Some(name) = last_name(text) {
            return Some(name);
        }
        if text.contains("let ") || text.contains("static ") {
            return None;
        }
    }
    None
}

/// The characters of a line before this one.
fn before(line: &str, column: usize) -> &str {
    let end = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    &line[..end]
}

/// The last name that is followed by a single `:`, or that follows `let` or `static`. Of a pattern
/// such as `(jobs, waiting)` it is the first.
fn last_name(text: &str) -> Option<String> {
    let mut last: Option<(usize, String)> = None;
    for word in ["let mut ", "let ", "static ", "const "] {
        if let Some(at) = text.rfind(word) {
            let rest = text[at + word.len()..].trim_start_matches(['(', ' ']);
            let name = identifier(rest.strip_prefix("mut ").unwrap_or(rest));
            if !name.is_empty() && last.as_ref().is_none_or(|(other, _)| *other < at) {
                last = Some((at, name));
            }
        }
    }
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let double = bytes.get(at + 1) == Some(&b':') || (at > 0 && bytes[at - 1] == b':');
        if *byte != b':' || double {
            continue;
        }
        let name = last_identifier(text[..at].trim_end());
        if !name.is_empty() && last.as_ref().is_none_or(|(other, _)| *other < at) {
            last = Some((at, name));
        }
    }
    last.map(|(_, name)| name)
}

/// What a method is called on at this place, and whether that is one of several: `self.slots[i]` is
/// `slots`.
fn receiver(source: &str, place: &Place) -> Option<(String, bool)> {
    let lines: Vec<&str> = source.lines().collect();
    let mut line = (place.line as usize).checked_sub(1)?;
    let column = (place.column as usize).saturating_sub(1);
    let mut text = before(lines.get(line)?, column).trim_end();
    if !text.ends_with('.') {
        // The place is that of the whole call.
        let call = &lines[line][text.len().max(before(lines[line], column).len())..];
        let named = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let length = call.find(|c| !named(c)).unwrap_or(call.len());
        text = &call[..=call[..length].rfind('.')?];
    }
    let mut text = text.strip_suffix('.')?.trim_end();
    // A call that begins a line belongs to what stands above.
    while text.is_empty() && line > 0 && lines[line].trim_start().starts_with('.') {
        line -= 1;
        text = lines[line].trim_end();
    }
    let mut indexed = false;
    while let Some(opened) = text.strip_suffix(']').and_then(|inner| inner.rfind('[')) {
        indexed = true;
        text = text[..opened].trim_end();
    }
    let name = last_identifier(text);
    if name.is_empty() {
        return None;
    }
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let of = text.strip_suffix(&name)?.strip_suffix('.').map(last_identifier).unwrap_or_default();
    match (is_number, of.is_empty()) {
        (true, true) => None,
        (true, false) => Some((format!("{of}.{name}"), indexed)),
        (false, _) => Some((name, indexed)),
    }
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn last_identifier(text: &str) -> String {
    let length: usize = text
        .chars()
        .rev()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .map(char::len_utf8)
        .sum();
    text[text.len() - length..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32) -> Place {
        Place { file: "it.rs".into(), line, column }
    }

    #[test]
    fn names_come_from_where_things_are_made() {
        let source = "S {\n    state: Mutex::new(0),\n};\nlet left = Arc::new(Mutex::new(0));\n\
                      forks: (0..5).map(|_| Mutex::new(())).collect(),\nstatic GLOBAL: M = M::new();\n\
                      fn new(threads: usize) -> Pool {\n    let (jobs, waiting) = channel();\n    \
                      let slot = [Slot { full: Mutex::new(0), ready: Condvar::new() }];\n\
                      #[derive(Default)]\n";
        let named = |line, column| made_for(source, &at(line, column));
        assert_eq!(named(2, 12).as_deref(), Some("state"));
        assert_eq!(named(4, 21).as_deref(), Some("left"));
        assert_eq!(named(5, 23).as_deref(), Some("forks"));
        assert_eq!(named(6, 20).as_deref(), Some("GLOBAL"));
        assert_eq!(named(8, 27).as_deref(), Some("jobs"));
        assert_eq!(named(9, 30).as_deref(), Some("full"));
        assert_eq!(named(9, 52).as_deref(), Some("ready"));
        assert_eq!(named(10, 10), None);
    }

    #[test]
    fn or_from_how_they_are_used() {
        let source = "self.count.load(x)\ntable[self.seat + 1].swap(1)\nself.0.lock()\n    \
                      self.shared\n        .lock()\n";
        let named = |line, column| receiver(source, &at(line, column));
        assert_eq!(named(1, 12), Some(("count".into(), false)));
        assert_eq!(named(2, 22), Some(("table".into(), true)));
        assert_eq!(named(3, 8), Some(("self.0".into(), false)));
        assert_eq!(named(5, 10), Some(("shared".into(), false)));
    }

    #[test]
    fn no_two_have_the_same_name() {
        let source = "#[derive(Default)]\nself.a.lock();\nself.b.lock();\nother.b.lock();\n";
        let resource = |used: u32, rank| Resource {
            kind: "mutex".into(),
            made: at(1, 10),
            used: at(used, if used == 4 { 9 } else { 8 }),
            rank,
            siblings: 3,
            meets: 0,
        };
        let all = [resource(2, 0), resource(3, 1), resource(4, 2)];
        assert_eq!(names(&all, &[("it.rs", source)]), ["a", "b[0]", "b[1]"]);
    }
}
