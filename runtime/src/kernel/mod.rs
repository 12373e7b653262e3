//! Kernels: shared types, arguments, checks at load, launches.

mod args;
#[cfg(test)]
mod args_tests;
mod check;
mod encode;
#[cfg(feature = "glsl")]
mod glsl;
mod glsl_decl;
mod grid;
mod launch;
mod layout;
mod length;
mod loader;
mod owned;
mod reflect;
mod scope;
#[cfg(test)]
mod testdata;
mod types;

pub use args::{Access, In, InOut, Out, Reach};
pub use encode::{ArgKind, ArgLayout, Encoder, KernelArgs, SafeArgs};
#[cfg(feature = "glsl")]
pub use glsl::Glsl;
pub use glsl_decl::{GLSL_PRELUDE, glsl_declarations};
pub use grid::Grid;
pub use launch::Launch;
pub use layout::{FieldLayout, Parameter, Scalar, StructLayout, TypeLayout};
pub use loader::{Kernel, Loader};
pub use owned::Running;
pub use scope::{Lent, Scope};
pub use types::{GpuStruct, Ptr};
pub use vksvm_derive::{GpuStruct, KernelArgs};

/// What the derives' output names. No stability promise.
#[doc(hidden)]
pub mod derived {
    pub use super::encode::{Block, Field, SafeField, SliceField};
    pub use super::length::{Integer, Length};
}
