//! What the compiler says of a submission that sees a model as `std`, in the words of `std`.

/// Under which names the model's items appear in what the compiler says.
const NAMES: [&str; 7] = [
    "std_explored::",
    "std_weak::",
    "explorer::explored::",
    "explorer::weak::",
    "explored::",
    "weak::",
    "loom::",
];

/// Errors that may come of what the model has not.
const OF_WHAT_IS_MISSING: [&str; 7] =
    ["E0432", "E0433", "E0425", "E0412", "E0405", "E0599", "E0015"];

/// What the compiler has said, without the model's own names and files; where something is missing
/// that may be missing in the model, it says that there is one.
pub fn in_the_words_of_std(said: &str, exercise_is_weak: bool) -> String {
    let mut text = String::with_capacity(said.len());
    let mut inside = false;
    for line in said.split_inclusive('\n') {
        let plain = super::compile::without_colours(line);
        let plain = plain.trim();
        if plain.starts_with("-->") || plain.starts_with(":::") {
            inside = plain.contains("/explorer/");
        } else if plain.is_empty()
            || !plain.starts_with(|c: char| c.is_ascii_digit() || "|.=".contains(c))
        {
            inside = false;
        }
        if !inside {
            text.push_str(&with_std(line));
        }
    }
    let missing = OF_WHAT_IS_MISSING.iter().any(|code| said.contains(code));
    let of_std = text != said
        || ["`std`", "`core`", "`alloc`", "std::"].iter().any(|words| text.contains(words));
    if missing && of_std {
        let what = match exercise_is_weak {
            false => {
                "Here std is a model, under which the grader tries schedules: it has what std has for \
                 threads (std::sync, std::thread, std::time), and no files, paths, network, processes \
                 and environment."
            }
            true => {
                "Here std is a model, under which the grader tries weakly ordered memory: it has no \
                 files, network, processes and environment, and of std::sync and std::thread what the \
                 page on the exercises lists."
            }
        };
        text.push_str(&format!("\n{what}\n"));
    }
    text
}

/// A line in which the model is called `std`.
fn with_std(line: &str) -> String {
    let mut text = line.to_owned();
    for name in NAMES {
        let mut from = 0;
        while let Some(at) = text[from..].find(name).map(|at| at + from) {
            let before = text[..at].chars().next_back();
            let is_part = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
            if is_part {
                from = at + name.len();
            } else {
                text.replace_range(at..at + name.len(), "std::");
                from = at + "std::".len();
            }
        }
    }
    for name in ["`std_explored`", "`std_weak`"] {
        text = text.replace(name, "`std`");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_names_are_not_shown() {
        let said = "error[E0599]: no method named `shut` found for struct \
                    `explorer::explored::sync::mpsc::Sender<T>`\n  --> a.rs:3:5\n   |\n3  |     \
                    to.shut();\n\nnote: it is defined here\n  --> /w/crates/explorer/src/explored/a.rs:9:1\n   \
                    |\n9  | pub struct Sender;\n   | ^^^^\n\nhelp: in std_explored::sync::x\n";
        let told = in_the_words_of_std(said, false);
        assert!(
            told.contains("`std::sync::mpsc::Sender<T>`") && told.contains("a.rs:3:5"),
            "{told}"
        );
        assert!(!told.contains("explor") && told.contains("in std::sync::x"), "{told}");
        assert!(
            !told.contains("pub struct Sender") && told.contains("Here std is a model"),
            "{told}"
        );
        let own = "error[E0308]: mismatched types\n --> a.rs:3:5\n";
        assert_eq!(in_the_words_of_std(own, false), own);
    }
}
