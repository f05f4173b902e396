//! The stable items of `std`'s modules, read from the documentation that comes with the compiler
//! (`rustup component add rust-docs`).

use std::fs;
use std::path::Path;

/// A stable item: of a module, or of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// `std::sync::Mutex`, or `std::sync` for the items of the module itself.
    pub of: String,
    /// `struct`, `fn`, ... of a module; `method` or `impl` of a type.
    pub kind: String,
    pub name: String,
    /// `impl<T: ?Sized> std::sync::Mutex<T>`: what a method stands in, or what is implemented.
    pub header: String,
    /// `pub fn lock(&self) -> ...`
    pub signature: String,
}

impl Item {
    pub fn to_line(&self) -> String {
        let Item { of, kind, name, header, signature } = self;
        [of, kind, name, header, signature].map(String::as_str).join("\t")
    }

    pub fn from_line(line: &str) -> Item {
        let mut fields = line.split('\t').map(str::to_owned);
        let mut next = || fields.next().expect("five fields");
        Item { of: next(), kind: next(), name: next(), header: next(), signature: next() }
    }
}

/// Traits that are not stable, though their implementations do not say so, and what belongs to other
/// systems or to modules that no schedule decides.
const NOT_HERE: [&str; 7] = [
    "marker::Freeze",
    "UnsafeUnpin",
    "StructuralPartialEq",
    "AsyncIterator",
    "std::os::",
    "alloc::Allocator",
    "UseCloned",
];

/// The stable items of this module, and of its types.
pub fn of_module(documentation: &Path, module: &str) -> Vec<Item> {
    let directory = documentation.join(module.replace("::", "/"));
    let mut files: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .collect();
    files.sort();
    let mut items = Vec::new();
    for file in files {
        let parts: Vec<&str> = file.split('.').collect();
        let [kind, name, "html"] = parts[..] else { continue };
        let page = fs::read_to_string(directory.join(&file)).unwrap();
        let declared = page.find("item-decl").map_or("", |at| &page[at..]);
        let declared = &declared[..declared.find("<h2").unwrap_or(declared.len())];
        let head = &declared[..declared.find("<details").unwrap_or(declared.len())];
        if head.contains("stab unstable") || kind == "primitive" {
            continue;
        }
        let signature = match kind {
            "fn" => between(declared, "<code>", "</code>").map(code).unwrap_or_default(),
            _ => String::new(),
        };
        let (of, header) = (module.to_owned(), String::new());
        let name = name.to_owned();
        items.push(Item { of, kind: kind.to_owned(), name: name.clone(), header, signature });
        if kind == "struct" || kind == "enum" {
            of_type(&page, &format!("{module}::{name}"), &mut items);
        }
    }
    items
}

/// The methods and implementations of a type.
fn of_type(page: &str, of: &str, items: &mut Vec<Item>) {
    let end = page.find("id=\"blanket-implementations\"").unwrap_or(page.len());
    let mut page = page[..end].to_owned();
    // What a type has because it points to another one.
    while let Some(start) = page.find("id=\"deref-methods") {
        let rest = &page[start..];
        let length = rest.find("id=\"trait-implementations\"").unwrap_or(rest.len());
        page.replace_range(start..start + length, "");
    }
    let mut header = String::new();
    let mut unstable = false;
    for section in page.split("<section id=\"").skip(1) {
        let id = section.split('"').next().unwrap_or_default();
        let is_unstable = section.contains("stab unstable");
        if let Some(text) = between(section, "<h3 class=\"code-header\">", "</h3>") {
            header = code(text);
            unstable = is_unstable;
            let elsewhere = NOT_HERE.iter().any(|words| header.contains(words));
            if header.contains(" for ") && !unstable && !elsewhere {
                let name = id.to_owned();
                let (of, kind) = (of.to_owned(), "impl".to_owned());
                let (header, signature) = (header.clone(), String::new());
                items.push(Item { of, kind, name, header, signature });
            }
        } else if let Some(text) = between(section, "<h4 class=\"code-header\">", "</h4>") {
            let signature = code(text);
            if unstable || is_unstable || !signature.starts_with("pub ") {
                continue;
            }
            let name = id.trim_start_matches("method.").split('-').next().unwrap_or_default();
            items.push(Item {
                of: of.to_owned(),
                kind: "method".to_owned(),
                name: name.to_owned(),
                header: header.clone(),
                signature,
            });
        }
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = &text[text.find(start)? + start.len()..];
    Some(&rest[..rest.find(end)?])
}

/// Code without its tags; what links to a type is named with its path.
fn code(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let length = rest[at..].find('>').unwrap_or(0);
        let tag = &rest[at..=at + length];
        rest = &rest[at + length + 1..];
        if tag.starts_with("<div") || tag.starts_with("<br") {
            text.push(' ');
        }
        let title = between(tag, "title=\"", "\"").and_then(|title| title.split_once(' '));
        let Some((kind, path)) = title else { continue };
        if ["struct", "enum", "trait", "type", "union"].contains(&kind)
            && path.contains("::")
            && let Some(end) = rest.find("</a>")
        {
            text.push_str(path);
            rest = &rest[end..];
        }
    }
    text.push_str(rest);
    // The sign for what is notable about a type.
    text.retain(|character| character != 'ⓘ');
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#39;", "'"),
        ("&quot;", "\""),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
