//! One file per subcommand: flags in, one call, the result out.
//! What the calls do is left to the rooms.

pub(crate) mod diff;
