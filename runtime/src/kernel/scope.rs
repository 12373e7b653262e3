//! Placeholder until the scope is written: only the type that argument wrappers refer to.
use std::marker::PhantomData;

/// Last uses of one lent slice.
pub struct Uses<'s>(pub(crate) PhantomData<&'s ()>);
