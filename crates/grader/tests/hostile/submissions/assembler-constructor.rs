//! Puts a constructor in by assembler, where no attribute shows it.
//!
//! exercise: reap
//! rest: reap
//! verdict: refused
//! shows: assembly

std::arch::global_asm!(
    ".pushsection .init_array, \"aw\"",
    ".quad before_main",
    ".popsection",
    ".pushsection .text",
    "before_main: mov $60, %eax",
    "xor %edi, %edi",
    "syscall",
    ".popsection",
    options(att_syntax)
);

fn attack() {}
