//! SST-2 and AG News: their files in every layout, and what a configuration makes of them.

mod corpus;
mod data;
mod readers;
