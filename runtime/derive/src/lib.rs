//! Derives for vksvm: `GpuStruct` for structs in memory that shaders use, `KernelArgs` for a kernel's arguments.
//!
//! Use them through the crate `vksvm`, which re-exports them. Wrong input is a compile error at the place that is
//! wrong; the derives do not panic.

mod gpu_struct;
mod kernel_args;
mod length;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, Result, ext::IdentExt, parse_macro_input};

/// Makes a `#[repr(C)]` struct of shared types usable in memory that shaders access.
///
/// The struct needs `#[repr(C)]` (no `packed`) and named fields, each of a type that implements `GpuStruct`, and must
/// be `Copy`. Type parameters get the bound `GpuStruct`. Padding between fields is fine: it is never read.
///
/// ```ignore
/// #[derive(Clone, Copy, GpuStruct)]
/// #[repr(C)]
/// struct Node {
///     next: Ptr<Node>,
///     value: f32,
/// }
/// ```
#[proc_macro_derive(GpuStruct)]
pub fn gpu_struct(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    gpu_struct::derive(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// Makes a struct the arguments of a kernel.
///
/// Its fields are `In`, `Out`, `InOut` (slices that a scope lends), `Reach`, and values of types that implement
/// `GpuStruct`. It has at most one lifetime parameter; type and constant parameters are free. A struct without a
/// `Reach` field gets a safe launch.
///
/// `#[len(expression)]` on a slice says how many elements it must have at least; every launch checks it. The expression
/// is made of the struct's integer fields, `field.len()` of slices, integer literals and constants, with `+ - * / % <<`,
/// `.min(..)`, `.max(..)`, `.div_ceil(..)`, parentheses and `as` to an integer type. It is computed exactly: where the
/// result overflows, divides by zero or is negative, the launch is an error.
///
/// ```ignore
/// #[derive(KernelArgs)]
/// struct Rows<'a> {
///     #[len(n + 1)]
///     row: In<'a, u32>,
///     #[len(n)]
///     y: Out<'a, f32>,
///     n: u32,
/// }
/// ```
#[proc_macro_derive(KernelArgs, attributes(len))]
pub fn kernel_args(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    kernel_args::derive(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// A field with its name, `name` being how shaders and messages call it.
struct Named<'a> {
    ident: &'a Ident,
    name: String,
    field: &'a Field,
}

/// The named fields of a struct; anything else is refused.
fn named_fields<'a>(input: &'a DeriveInput, derive: &str) -> Result<Vec<Named<'a>>> {
    let refuse = |what: &str| {
        let message = format!("#[derive({derive})] works on structs with named fields, and this is {what}");
        Err(Error::new_spanned(&input.ident, message))
    };
    let fields = match &input.data {
        Data::Struct(s) => &s.fields,
        Data::Enum(_) => return refuse("an enum"),
        Data::Union(_) => return refuse("a union"),
    };
    match fields {
        Fields::Named(fields) => Ok(fields
            .named
            .iter()
            .filter_map(|field| {
                let ident = field.ident.as_ref()?;
                Some(Named { ident, name: ident.unraw().to_string(), field })
            })
            .collect()),
        Fields::Unnamed(_) => refuse("a tuple struct"),
        Fields::Unit => Ok(vec![]),
    }
}
