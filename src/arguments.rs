//! How a command line is read, for all verbs: a flag that is given twice takes the last value, and no text is empty.

use std::any::TypeId;
use std::ffi::OsString;

use clap::builder::{EnumValueParser, NonEmptyStringValueParser};
use clap::{Arg, ArgAction, ColorChoice, Command, Parser, ValueEnum};

use crate::{examples, stdout};

/// Reads a command line into what was typed.
pub(crate) fn parse<T: Parser>(words: Vec<OsString>) -> Result<T, clap::Error> {
    let colours = colours(&words);
    stdout::choose_colours(colours);
    // Read above, as a mistake anywhere in the line is told in colours, too. No help of a verb needs it.
    let colour =
        Arg::new("color").long("color").global(true).hide(true).value_parser(EnumValueParser::<ColorChoice>::new());
    let command = T::command().arg(colour).color(colours).args_override_self(true);
    let mut command = examples::added(without_empty_texts(command));
    let matches = command.try_get_matches_from_mut(words)?;
    T::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The last `--color WHEN` or `--color=WHEN`.
fn colours(words: &[OsString]) -> ColorChoice {
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--").collect();
    let after = (0..words.len()).rev().find_map(|place| match words[place] {
        "--color" => words.get(place + 1).copied(),
        word => word.strip_prefix("--color="),
    });
    let choice = after.and_then(|when| ColorChoice::from_str(when, false).ok());
    choice.unwrap_or(ColorChoice::Auto)
}

fn without_empty_texts(command: Command) -> Command {
    let takes_any_text = |arg: &Arg| {
        let parser = arg.get_value_parser();
        matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
            && parser.type_id() == TypeId::of::<String>()
            && parser.possible_values().is_none()
    };
    let refuse_empty = |arg: Arg| {
        if takes_any_text(&arg) { arg.value_parser(NonEmptyStringValueParser::new()) } else { arg }
    };
    command.mut_args(refuse_empty).mut_subcommands(without_empty_texts)
}
