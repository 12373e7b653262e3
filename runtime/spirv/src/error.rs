//! Why a module cannot be lowered.

/// A module that cannot be lowered, or options that make no sense. Nothing else makes [`lower`](crate::lower) fail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The words are no SPIR-V module, or one that breaks a rule that lowering relies on.
    #[error("not a valid SPIR-V module: {reason}; check it with spirv-val")]
    Invalid {
        /// What is wrong, and where.
        reason: String,
    },
    /// The module was lowered before. Lowering it again would translate addresses twice.
    #[error("the module was already lowered ({how}): lower the compiler's own output instead")]
    AlreadyLowered {
        /// What its mark says.
        how: String,
    },
    /// The module does something to a pointer that cannot be lowered.
    #[error("cannot lower {instruction} in function {function}: {reason}")]
    Unsupported {
        /// The instruction: its opcode, and its result if it has one.
        instruction: String,
        /// The function's name if the module has names, else its id; `none` outside functions.
        function: String,
        /// What is missing, and what would do instead.
        reason: String,
    },
    /// The options describe no translation.
    #[error("cannot translate like this: {reason}")]
    Options {
        /// Which value is wrong, and what it can be.
        reason: String,
    },
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;
