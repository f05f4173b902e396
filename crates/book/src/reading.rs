//! How long it takes to read a page, counted in what mdBook made of it.
//!
//! This is the one place that says how: [`PACE`] words a minute, in prose, listings, transcripts,
//! tables and captions alike. A word is what stands between blanks and has a letter in it, so that
//! ids, addresses, figures and brackets of a transcript are none. What is folded (`<details>`) is
//! not counted but for its summary: a reader opens it by choice. Nor are the title, drawings and the
//! list of links at the end.

/// Words a minute. People read stories at 240 or so; this is for text with code in it.
pub const PACE: usize = 180;

/// Elements that stand within a word's line; all others end a word.
const INLINE: [&str; 7] = ["a", "b", "code", "em", "i", "span", "strong"];

/// Elements whose text nobody reads from first to last.
const LEFT_OUT: [&str; 5] = ["button", "nav", "script", "style", "svg"];

/// Minutes, rounded up, for a page as mdBook writes it.
pub fn minutes(page: &str) -> usize {
    words(page).div_ceil(PACE)
}

/// The words of a page.
pub fn words(page: &str) -> usize {
    let main = page.split_once("<main>").map_or(page, |(_, main)| main);
    let main = main.split_once("</main>").map_or(main, |(main, _)| main);
    let main = main.split_once("</h1>").map_or(main, |(_, main)| main);
    let main = main.split_once("<h2 id=\"links\">").map_or(main, |(main, _)| main);
    let text = unfolded(main);
    let text = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'")]
        .iter()
        .fold(text, |text, (entity, letter)| text.replace(entity, letter))
        .replace("&amp;", "&");
    text.split_whitespace().filter(|word| word.contains(char::is_alphabetic)).count()
}

/// The text between the tags, without what is folded and what is left out.
fn unfolded(html: &str) -> String {
    let mut text = String::new();
    // How deep in folded text, and in elements that are left out; and whether in a summary.
    let (mut folded, mut out, mut summary) = (0, 0, false);
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        if out == 0 && (folded == 0 || folded == 1 && summary) {
            text.push_str(before);
        }
        let comment = after.starts_with("!--");
        let end = if comment { "-->" } else { ">" };
        let (tag, after) = after.split_once(end).unwrap_or((after, ""));
        rest = after;
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default();
        let opens = !tag.starts_with('/');
        let step = |depth: usize| if opens { depth + 1 } else { depth.saturating_sub(1) };
        match name {
            "details" => folded = step(folded),
            "summary" => summary = opens,
            _ if LEFT_OUT.contains(&name) && !tag.ends_with('/') => out = step(out),
            _ => {}
        }
        if !comment && !INLINE.contains(&name) {
            text.push(' ');
        }
    }
    if folded == 0 && out == 0 {
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_letters_whatever_they_stand_in() {
        assert_eq!(
            words("<p>One, <em>two</em>s 3 &lt;</p><pre><code>let x = 7;\n</code></pre>"),
            4
        );
        assert_eq!(words("<td>a</td><td>b</td><svg><text>c</text></svg><!-- d > e -->f"), 3);
    }

    #[test]
    fn what_is_folded_counts_by_its_summary() {
        let inner = "<details><summary>more</summary>even more</details>";
        let page = format!("a <details><summary>b c</summary>d {inner} e</details> f");
        assert_eq!(words(&page), 4);
    }

    #[test]
    fn a_page_begins_and_ends_where_its_text_does() {
        let page = "menu <main>one</main> foot";
        assert_eq!(words(page), 1);
        assert_eq!(words("<main>one<h2 id=\"links\">Links</h2>two</main>"), 1);
        assert_eq!(minutes(&"word ".repeat(PACE + 1)), 2);
    }
}
