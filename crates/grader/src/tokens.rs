//! What a submission may not say, decided on its tokens before anything is compiled: what would give
//! it a place in the program that its functions do not have, or names that its exercise does without.
//!
//! Macros are not expanded. What their definitions and their calls consist of are tokens as well.

use std::collections::BTreeSet;
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::catalogue::{Exercise, Kind};

/// Attributes that place code or data, rename symbols, or bring other files in.
const ATTRIBUTES: &[&str] = &[
    "naked",
    "link",
    "link_args",
    "link_section",
    "link_name",
    "link_ordinal",
    "no_mangle",
    "export_name",
    "used",
];

/// The same, where there is to be no unsafe code.
const SAFE_ATTRIBUTES: &[&str] = &[
    "path",
    "track_caller",
    "global_allocator",
    "panic_handler",
    "unsafe",
    "ffi_const",
    "ffi_pure",
];

/// Names that mean the same wherever they stand.
const NAMES: &[&str] = &["naked_asm", "global_asm", "llvm_asm"];

/// The same, where there is to be no unsafe code.
const SAFE_NAMES: &[&str] = &[
    "track_caller",
    "include_str",
    "include_bytes",
    "no_mangle",
    "export_name",
    "link_section",
    "link_name",
    "global_allocator",
    "sockopt_impl",
];

/// Modules of `std` that reach beyond threads and memory.
const OUTSIDE: &[&str] = &["fs", "net", "process", "os", "env"];

/// What a submission to `exercise` says and may not, each with its line; an error if it cannot be
/// told apart into tokens.
pub fn forbidden(exercise: &Exercise, source: &str) -> Result<Vec<String>, String> {
    let tokens = TokenStream::from_str(source).map_err(|error| error.to_string())?;
    let mut look = Look {
        safe: !exercise.unsafe_code,
        inside: exercise.kind != Kind::Process,
        found: BTreeSet::new(),
    };
    look.through(tokens);
    Ok(look.said())
}

/// The names that stand in a source, outside of comments and texts; none if it is no Rust.
pub fn named_in(source: &str) -> BTreeSet<String> {
    TokenStream::from_str(source).map(names).unwrap_or_default().into_iter().collect()
}

struct Look {
    /// Whether there is to be no unsafe code.
    safe: bool,
    /// Whether there is to be nothing from outside.
    inside: bool,
    /// What was found, with its line.
    found: BTreeSet<(usize, String)>,
}

impl Look {
    /// Goes through all tokens. Groups wait in a list: they may be nested deeper than any stack.
    fn through(&mut self, stream: TokenStream) {
        let mut waiting = vec![(stream, false)];
        while let Some((stream, imported)) = waiting.pop() {
            let tokens: Vec<TokenTree> = stream.into_iter().collect();
            let mut imports = imported;
            for (at, token) in tokens.iter().enumerate() {
                let after = &tokens[at + 1..];
                match token {
                    TokenTree::Group(group) => waiting.push((group.stream(), imports)),
                    TokenTree::Ident(ident) => {
                        let name = name(ident);
                        imports |= name == "use";
                        let before = at.checked_sub(1).map(|before| &tokens[before]);
                        self.ident(&name, token, before, after);
                        if imports {
                            self.outside(&name, token);
                        }
                    }
                    TokenTree::Punct(punct) if punct.as_char() == ';' => imports = imported,
                    TokenTree::Punct(punct) if punct.as_char() == '#' => {
                        self.attribute(token, after);
                    }
                    _ => {}
                }
            }
        }
    }

    fn outside(&mut self, name: &str, at: &TokenTree) {
        if self.inside && OUTSIDE.contains(&name) {
            self.say(&format!("the module `{name}`, which exercises on threads refuse"), at);
        }
    }

    fn ident(
        &mut self,
        name: &str,
        token: &TokenTree,
        before: Option<&TokenTree>,
        after: &[TokenTree],
    ) {
        let calls = is(after.first(), '!');
        if NAMES.contains(&name) || (name == "asm" && calls) {
            self.say(&format!("assembly (`{name}!`)"), token);
        }
        let imported = |it: &str| name == it && matches!(before, Some(TokenTree::Punct(_)));
        if imported("asm") && is(before, ':') {
            self.say("assembly (`asm!`)", token);
        }
        // `x.process::<T>()` is a method.
        let path = is(after.first(), ':') && is(after.get(1), ':') && !is(after.get(2), '<');
        if path && !is(before, '.') {
            self.outside(name, token);
        }
        if !self.safe {
            return;
        }
        if SAFE_NAMES.contains(&name) || (name == "include" && calls) {
            self.say(&format!("`{name}`"), token);
        }
        if name == "extern" {
            self.say("`extern`", token);
        }
        let module = matches!(after.first(), Some(TokenTree::Ident(_) | TokenTree::Punct(_)));
        let body = after.iter().take(3).any(|token| {
            matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
        });
        if name == "mod" && module && !body {
            self.say("a module in another file", token);
        }
        // Blocks and functions are the compiler's to refuse: it says more. An attribute it lets pass.
        if name == "unsafe"
            && matches!(after.first(), Some(TokenTree::Group(group))
                if group.delimiter() == Delimiter::Parenthesis)
        {
            self.say("an unsafe attribute", token);
        }
    }

    /// Reads an attribute.
    fn attribute(&mut self, token: &TokenTree, after: &[TokenTree]) {
        let after = if is(after.first(), '!') { &after[1..] } else { after };
        let attribute = after.first().and_then(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some(group),
            _ => None,
        });
        let Some(attribute) = attribute else {
            if self.safe {
                self.say("a `#` that belongs to no attribute", token);
            }
            return;
        };
        for name in names(attribute.stream()) {
            let safe = self.safe && (SAFE_ATTRIBUTES.contains(&&*name) || name == "$");
            if name == "$" && safe {
                self.say("an attribute that a macro makes", token);
            } else if safe || ATTRIBUTES.contains(&&*name) {
                self.say(&format!("the attribute `{name}`"), token);
            }
        }
    }

    fn say(&mut self, what: &str, at: &TokenTree) {
        self.found.insert((at.span().start().line, what.to_owned()));
    }

    fn said(&self) -> Vec<String> {
        self.found.iter().map(|(line, what)| format!("{what} (line {line})")).collect()
    }
}

/// An identifier, as which it counts.
fn name(ident: &proc_macro2::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

fn is(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

/// All names in these tokens, and `$` where a macro puts something in.
fn names(stream: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![stream];
    while let Some(stream) = waiting.pop() {
        for token in stream {
            match token {
                TokenTree::Ident(ident) => found.push(name(&ident)),
                TokenTree::Group(group) => waiting.push(group.stream()),
                TokenTree::Punct(punct) if punct.as_char() == '$' => found.push("$".to_owned()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: Kind, unsafe_code: bool, source: &str) -> Vec<String> {
        let mut look =
            Look { safe: !unsafe_code, inside: kind != Kind::Process, found: BTreeSet::new() };
        look.through(TokenStream::from_str(source).unwrap());
        look.said()
    }

    #[test]
    fn what_places_code_is_found_in_every_exercise() {
        for source in [
            "#[unsafe(naked)] fn f() {}",
            "#[cfg_attr(all(), unsafe(r#naked))] fn f() {}",
            "core::arch::global_asm!(\"\");",
            "use std::arch::asm as a;",
            "fn f() { unsafe { std::arch::asm!(\"nop\") } }",
            "#[link(name = \"x\", modifiers = \"+verbatim\")] unsafe extern \"C\" {}",
            "#[unsafe(link_section = \".interp\")] static A: u8 = 0;",
            "macro_rules! m { () => { #[unsafe(no_mangle)] fn memcmp() {} } } m!();",
        ] {
            assert!(!found(Kind::Process, true, source).is_empty(), "{source}");
        }
    }

    #[test]
    fn safe_exercises_have_no_way_round() {
        for source in [
            "#[path = \"/etc/passwd\"] mod x;",
            "macro_rules! m { ($m:meta) => { #[$m] mod x {} } }",
            "macro_rules! m { ($h:tt $g:tt) => { $h $g mod x; } }",
            "const A: &str = include_str!(\"x\");",
            "#[track_caller] fn f() {}",
            "extern crate libc;",
            "unsafe extern \"C\" { fn f(); }",
            "nix::sockopt_impl!(A, SetOnly, 0, 0, bool);",
        ] {
            assert!(!found(Kind::Process, false, source).is_empty(), "{source}");
        }
    }

    #[test]
    fn threads_do_without_the_outside() {
        for source in [
            "fn f() { std::process::exit(0) }",
            "use std::{sync::Mutex, fs};",
            "use std as s; fn f() { s::env::args(); }",
            "use ::std::os::fd::AsRawFd;",
        ] {
            assert!(!found(Kind::Explored, false, source).is_empty(), "{source}");
        }
    }

    #[test]
    fn what_is_nested_deep_is_looked_through() {
        let deep = format!("{}naked_asm{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(found(Kind::Process, true, &deep), ["assembly (`naked_asm!`) (line 1)"]);
    }

    #[test]
    fn usual_code_is_let_through() {
        let source = "#![allow(unsafe_code)]\nuse std::sync::{Arc, Mutex};\n#[derive(Debug)]\n\
                      pub struct Env { path: Vec<u8>, link: u8 }\nmod inner { pub fn process() {} }\n\
                      impl Env { fn process<T>(&self) { let path = [self.link; 3]; } }\n\
                      macro_rules! two { ($a:expr) => { [$a, $a] } }\n\
                      fn f(env: &Env) { env.process::<u8>(); Env::process::<u8>(env); inner::process(); \
                      let asm = 1; let include = asm; two!(include); }";
        assert_eq!(found(Kind::Explored, false, source), Vec::<String>::new());
    }
}
