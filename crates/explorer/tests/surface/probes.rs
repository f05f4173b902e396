//! A program that compiles if a library has these items as `std` has them: under the same names, with
//! the same bounds, `const` where std's are, and implementing the same traits.

use super::documentation::Item;

/// One probe: a line of the program.
pub struct Probe {
    /// What it looks for.
    pub item: String,
    pub code: String,
}

/// What looks for this item.
pub fn probes(number: usize, item: &Item) -> Vec<Probe> {
    let Item { of, kind, name, header, signature } = item;
    let probe = |what: &str, code: String| Probe { item: format!("{what} of {of}"), code };
    match kind.as_str() {
        "method" => {
            let mut found = Vec::new();
            if let Some(code) = method(number, header, signature, name) {
                found.push(probe(signature, code));
            }
            if let Some(code) = constant(number, header, signature, name) {
                found.push(probe(&format!("const {name}"), code));
            }
            found
        }
        "impl" => {
            implementation(number, header).map(|code| probe(header, code)).into_iter().collect()
        }
        "fn" => {
            let mut found = vec![probe(name, format!("use {of}::{name} as _;"))];
            if let Some(it) = parse(signature) {
                let Signature { generics, arguments, result, bounds, .. } = &it;
                let call = format!("{of}::{name}({})", names(arguments).join(", "));
                let call = if it.is_unsafe { format!("unsafe {{ {call} }}") } else { call };
                let before = if it.is_const { "const " } else { "" };
                let before = format!("{before}{}", if it.is_unsafe { "unsafe " } else { "" });
                let declared =
                    format!("{before}fn f{number}{generics}({arguments}){result}{bounds}");
                found.push(probe(signature, format!("{declared} {{ {call} }}")));
            }
            found
        }
        "macro" => Vec::new(),
        _ => vec![probe(name, format!("use {of}::{name} as _;"))],
    }
}

struct Signature {
    is_const: bool,
    is_unsafe: bool,
    /// With their brackets, or empty.
    generics: String,
    arguments: String,
    /// With its arrow, or empty.
    result: String,
    /// With `where`, or empty.
    bounds: String,
}

fn parse(signature: &str) -> Option<Signature> {
    let (words, rest) = signature.split_once("fn ")?;
    let start = rest.find(['<', '('])?;
    let rest = &rest[start..];
    let (generics, rest) = if rest.starts_with('<') { brackets(rest) } else { ("", rest) };
    let (arguments, rest) = brackets(rest);
    let (result, bounds) = match rest.split_once(" where ") {
        Some((result, bounds)) => (result, format!(" where {bounds}")),
        None => (rest, String::new()),
    };
    Some(Signature {
        is_const: words.contains("const "),
        is_unsafe: words.contains("unsafe "),
        generics: generics.to_owned(),
        arguments: arguments.trim_matches(['(', ')']).trim().trim_end_matches(',').to_owned(),
        result: result.to_owned(),
        bounds,
    })
}

/// What stands in the brackets at the beginning, with them, and the rest.
fn brackets(text: &str) -> (&str, &str) {
    let (open, close) = match text.chars().next() {
        Some('<') => ('<', '>'),
        Some('(') => ('(', ')'),
        _ => return ("", text),
    };
    let mut depth = 0;
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        if character == open {
            depth += 1;
        } else if character == close && before != '-' {
            depth -= 1;
        }
        if depth == 0 {
            return text.split_at(at + 1);
        }
        before = character;
    }
    (text, "")
}

/// Parts that commas separate, outside of brackets.
fn parts(text: &str) -> Vec<&str> {
    let (mut found, mut depth, mut start, mut before) = (Vec::new(), 0, 0, ' ');
    for (at, character) in text.char_indices() {
        match character {
            '<' | '(' | '[' => depth += 1,
            '>' if before != '-' => depth -= 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        before = character;
    }
    found.push(text[start..].trim());
    found.retain(|part| !part.is_empty());
    found
}

fn names(arguments: &str) -> Vec<String> {
    let name = |argument: &str| match argument.split_once(':') {
        Some((name, _)) => name.trim().trim_start_matches("mut ").to_owned(),
        None => "self".to_owned(),
    };
    parts(arguments).into_iter().map(name).collect()
}

/// `impl<G> T where W` or `impl<G> Trait for T where W`: generics without brackets, trait, type, bounds.
fn header_parts(header: &str) -> Option<(String, Option<String>, String, String)> {
    let rest = header.strip_prefix("impl")?;
    let (generics, rest) = brackets(rest.trim_start());
    let (rest, bounds) = match rest.split_once(" where ") {
        Some((rest, bounds)) => (rest, format!(" where {bounds}")),
        None => (rest, String::new()),
    };
    let generics = generics.strip_prefix('<').and_then(|it| it.strip_suffix('>')).unwrap_or("");
    let (of_trait, of_type) = match rest.split_once(" for ") {
        Some((of_trait, of_type)) => (Some(of_trait.trim().to_owned()), of_type),
        None => (None, rest),
    };
    let mut of_type = of_type.trim().to_owned();
    // Lifetimes that are left out are named, so that a trait can have them.
    let mut generics = generics.to_owned();
    let of_trait = of_trait.map(|it| it.replace("<&", "<&'_ ").replace("&'_ '", "&'"));
    if of_type.contains("'_") || of_trait.as_ref().is_some_and(|it| it.contains("'_")) {
        of_type = of_type.replace("'_", "'left");
        generics = if generics.is_empty() { "'left".into() } else { format!("'left, {generics}") };
    }
    // What a trait's own types are borrowed for is not implied, as it is where a type is named.
    let lifetimes = parts(&generics).into_iter().filter(|part| part.starts_with('\''));
    let lifetimes = lifetimes.map(|part| part.split(':').next().unwrap_or_default().to_owned());
    let fixed = of_type.contains("LocalKey").then(|| "'static".to_owned());
    let lifetimes: Vec<String> = lifetimes.chain(fixed).collect();
    let types: Vec<String> = parts(&generics)
        .into_iter()
        .filter(|part| !part.starts_with('\'') && !part.starts_with("const "))
        .map(generic_names)
        .collect();
    let mut bounds = bounds.trim_end_matches(',').to_owned();
    if lifetimes.len() == 2 && lifetimes[1] == "'env" {
        bounds = " where 'env: 'scope".to_owned();
    }
    for (of_type, lifetime) in types.iter().flat_map(|it| lifetimes.iter().map(move |l| (it, l))) {
        bounds.push_str(if bounds.is_empty() { " where " } else { ", " });
        bounds.push_str(&format!("{of_type}: {lifetime}"));
    }
    Some((generics, of_trait.map(|it| it.replace("'_", "'left")), of_type, bounds))
}

/// The names of generics, without bounds and defaults.
fn generic_names(generics: &str) -> String {
    let name = |part: &str| {
        let name = part.split([':', '=']).next().unwrap_or_default().trim();
        name.trim_start_matches("const ").to_owned()
    };
    parts(generics).into_iter().map(name).collect::<Vec<_>>().join(", ")
}

fn method(number: usize, header: &str, signature: &str, name: &str) -> Option<String> {
    let (generics, _, of_type, bounds) = header_parts(header)?;
    let it = parse(signature)?;
    let Signature { generics: own, arguments, result, bounds: more, .. } = &it;
    let given = names(arguments).join(", ");
    let (before, call) = match it.is_unsafe {
        true => ("unsafe ", format!("unsafe {{ <{of_type}>::{name}({given}) }}")),
        false => ("", format!("<{of_type}>::{name}({given})")),
    };
    let plain = arguments.replace("mut ", "\u{0}").replace("&\u{0}", "&mut ").replace("\u{0}", "");
    let plain = restore_mut(arguments, &plain);
    let more = match more.as_str() {
        "" => " where Self: Sized".to_owned(),
        more => format!("{}, Self: Sized", more.trim_end_matches(',')),
    };
    let sized = parts(arguments).iter().any(|it| *it == "self" || it.ends_with(": Self"));
    let more = if sized { more } else { it.bounds.clone() };
    let function = format!("{before}fn probe{own}({plain}){result}{more}");
    let names = generic_names(&generics);
    Some(format!(
        "trait P{number}<{generics}>{bounds} {{ {function}; }} \
         impl<{generics}> P{number}<{names}> for {of_type}{bounds} {{ {function} {{ {call} }} }}"
    ))
}

/// Arguments of a trait's functions without a body cannot be `mut`, but pointers and references can.
fn restore_mut(arguments: &str, plain: &str) -> String {
    if arguments.contains("*mut ") { arguments.to_owned() } else { plain.to_owned() }
}

/// A function that calls it and is `const`.
fn constant(number: usize, header: &str, signature: &str, name: &str) -> Option<String> {
    let (generics, _, of_type, bounds) = header_parts(header)?;
    let it = parse(signature)?;
    if !it.is_const {
        return None;
    }
    let own = it.generics.trim_start_matches('<').trim_end_matches('>');
    let all = [generics.as_str(), own].into_iter().filter(|it| !it.is_empty());
    let mut all: Vec<&str> = all.flat_map(parts).collect();
    all.sort_by_key(|part| !part.starts_with('\''));
    let argument = |part: &str| match part {
        "self" | "mut self" => format!("this: {of_type}"),
        "&self" => format!("this: &{of_type}"),
        "&mut self" => format!("this: &mut {of_type}"),
        other => other.to_owned(),
    };
    let arguments: Vec<String> = parts(&it.arguments).into_iter().map(argument).collect();
    let given: Vec<String> = names(&arguments.join(", "));
    let call = format!("<{of_type}>::{name}({})", given.join(", "));
    let (before, call) = match it.is_unsafe {
        true => ("unsafe ", format!("unsafe {{ {call} }}")),
        false => ("", call),
    };
    let (all, arguments) = (all.join(", "), arguments.join(", "));
    let result = it.result.replace("Self", &of_type);
    let bounds = if bounds.is_empty() { it.bounds } else { bounds };
    Some(format!("const {before}fn c{number}<{all}>({arguments}){result}{bounds} {{ {call} }}"))
}

/// A trait that only what implements this one can implement.
fn implementation(number: usize, header: &str) -> Option<String> {
    let (generics, of_trait, of_type, bounds) = header_parts(header)?;
    let of_trait = of_trait?;
    let names = generic_names(&generics);
    if let Some(missing) = of_trait.strip_prefix('!') {
        return Some(format!(
            "fn n{number}<{generics}>(){bounds} {{ \
             trait May<M> {{ fn some() {{}} }} impl<X: ?Sized> May<()> for X {{}} \
             struct Does; impl<X: ?Sized + {missing}> May<Does> for X {{}} \
             <{of_type} as May<_>>::some() }}"
        ));
    }
    // Operators take and return values.
    let sized = if of_trait.starts_with("std::ops::") { "Sized + " } else { "" };
    Some(format!(
        "trait S{number}<{generics}>: {sized}{of_trait}{bounds} {{}} \
         impl<{generics}> S{number}<{names}> for {of_type}{bounds} {{}}"
    ))
}
