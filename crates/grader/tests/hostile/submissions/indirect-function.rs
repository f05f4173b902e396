//! Has a function that is chosen while the program is loaded, so the one that chooses runs before main.
//!
//! exercise: reap
//! verdict: refused
//! shows: assembly

std::arch::global_asm!(
    ".text",
    ".type chooses, @function",
    "chooses: mov edi, 0",
    "mov eax, 231",
    "syscall",
    ".type chosen, @gnu_indirect_function",
    ".set chosen, chooses",
    ".section .data.slot, \"aw\"",
    "slot: .quad chosen",
);

pub fn run_all(_: &mut [std::process::Command]) -> std::io::Result<Vec<i32>> {
    Ok(Vec::new())
}
