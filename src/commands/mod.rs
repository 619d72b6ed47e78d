//! One file per subcommand: flags in, one library call, result out.
//! What a command does is left to the rooms; which one runs is left to `cli`.

pub(crate) mod consolidate;
