//! Finds all memory equal, by a weak symbol out of assembler.
//!
//! exercise: reap
//! rest: reap
//! verdict: refused
//! shows: assembly

std::arch::global_asm!(".weak bcmp", "bcmp: xor %eax, %eax", "ret", options(att_syntax));

fn attack() {}
