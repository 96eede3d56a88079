//! `aees board`: what it serves and to whom, what it tells as runs go on, and the page in Chromium where there is one.

mod browser;
mod cost;
mod following;
mod hostile;
mod serving;
mod support;
