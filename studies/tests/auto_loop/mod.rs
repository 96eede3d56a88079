//! Loops, as far as they need no program.

mod law;
