//! How a command line is read, for all verbs: a flag that is given twice takes the last value, and no text is empty.

use std::any::TypeId;
use std::ffi::OsString;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgAction, Command, Parser};

/// Reads a command line into what was typed.
pub(crate) fn parse<T: Parser>(words: impl IntoIterator<Item = OsString>) -> Result<T, clap::Error> {
    let mut command = without_empty_texts(T::command().args_override_self(true));
    let matches = command.try_get_matches_from_mut(words)?;
    T::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
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
