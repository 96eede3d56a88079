//! CIFAR-100: its files in every layout, what a configuration makes of them, and how a batch is augmented.

mod augmentation;
mod corpus;
mod label_noise;
mod loading;
mod readers;
