//! Has machine code in an exercise without unsafe code: a naked function is none to the compiler.
//!
//! exercise: bounded-queue
//! verdict: refused
//! shows: assembly
//! shows: the attribute `naked`

use std::arch::naked_asm;

#[unsafe(naked)]
extern "C" fn call(_number: usize) -> isize {
    naked_asm!("mov rax, rdi", "syscall", "ret")
}

pub struct BoundedQueue<T>(std::marker::PhantomData<T>);

impl<T> BoundedQueue<T> {
    pub fn new(_capacity: usize) -> BoundedQueue<T> {
        call(231);
        BoundedQueue(std::marker::PhantomData)
    }
    pub fn push(&self, item: T) -> Result<(), T> {
        Err(item)
    }
    pub fn pop(&self) -> Option<T> {
        None
    }
    pub fn close(&self) {}
}
