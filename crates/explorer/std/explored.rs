//! Stands in for `std` where schedules are explored: the same names, and behind `sync`, `thread`,
//! `time`, `panic` and `hint` a scheduler that tries interleavings. There are no files, no network, no
//! processes and no environment: what happens there no schedule decides.

#[rustfmt::skip]
pub use ::std::{
    alloc, any, array, ascii, backtrace, borrow, boxed, cell, char, clone, cmp, collections, convert,
    default, error, f32, f64, ffi, fmt, future, hash, i8, i16, i32, i64, i128, io, isize, iter, marker, mem,
    num, ops, option, pin, primitive, ptr, rc, result, slice, str, string, task, u8, u16, u32,
    u64, u128, usize, vec,
};
#[rustfmt::skip]
pub use ::std::{
    assert, assert_eq, assert_ne, cfg, cfg_select, column, compile_error, concat, dbg, debug_assert,
    debug_assert_eq, debug_assert_ne, eprint, eprintln, file, format, format_args, include,
    include_bytes, include_str, is_x86_feature_detected, line, matches, module_path, option_env, print,
    println, stringify, todo, unimplemented, unreachable, write, writeln,
};
#[allow(deprecated)]
pub use ::std::r#try;

/// What is there without being named is std's too, but for the macro that stands for something of
/// `thread`.
pub mod prelude {
    macro_rules! as_in_std {
        ($($edition:ident)*) => {
            $(
                pub mod $edition {
                    pub use ::explorer::explored::thread_local;
                    pub use ::std::prelude::$edition::*;
                }
            )*
        };
    }

    as_in_std! { v1 rust_2015 rust_2018 rust_2021 rust_2024 }
}

/// Macros that are named as modules are, which stand in for these below.
mod named_as_modules {
    pub use ::std::{env, panic};
}
pub use named_as_modules::*;

/// Not here: no schedule decides what the environment says.
pub mod env {}

pub use ::explorer::explored::{hint, panic, sync, thread, thread_local, time};
