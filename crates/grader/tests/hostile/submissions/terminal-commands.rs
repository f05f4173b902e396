//! Prints and panics with what terminals and workflow runners obey.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [panic]
//! never: \e
//! never: \n::
//! never: ##[

fn attack() {
    let commands = "\x1b[2J\x1b]0;title\x07\x1b[8mhidden\u{9b}31m\r\x08\n::set-output name=score::13\n\
                    ::stop-commands::x\n  ::add-mask::FAIL\n##[set-env name=PATH;]/tmp\n\u{202e}reversed";
    println!("{commands}");
    panic!("{commands}");
}
