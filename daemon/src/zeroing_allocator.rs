//! Memory is zeroed when it is freed: copies of secrets made inside libraries go
//! too. The allocator of the program, and so not of the tests of its parts.

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);
