//! `#[derive(GpuStruct)]`.

use crate::named_fields;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{DeriveInput, Error, GenericParam, Ident, Result, ext::IdentExt, parse_quote, spanned::Spanned};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let fields = named_fields(input, "GpuStruct")?;
    check_repr(input)?;
    if fields.is_empty() {
        let message = "a struct without fields has no layout in a shader; give it a field";
        return Err(Error::new_spanned(&input.ident, message));
    }

    let mut generics = input.generics.clone();
    let mut parameters = vec![];
    for p in &mut generics.params {
        match p {
            GenericParam::Lifetime(l) => {
                let message = "a struct shared with shaders borrows nothing; use Ptr<T> for a reference";
                return Err(Error::new_spanned(&l.lifetime, message));
            }
            GenericParam::Type(t) => {
                t.bounds.push(parse_quote!(::vksvm::GpuStruct));
                let t = &t.ident;
                parameters.push(quote!(::vksvm::Parameter::Type(<#t as ::vksvm::GpuStruct>::LAYOUT)));
            }
            GenericParam::Const(c) => {
                let c = &c.ident;
                parameters.push(quote!(::vksvm::Parameter::Const(#c as i128)));
            }
        }
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();

    let ident = &input.ident;
    let name = ident.unraw().to_string();
    let layouts = fields.iter().map(|f| {
        let (field, name, ty) = (f.ident, &f.name, &f.field.ty);
        // The only mention of the field's type, so that a type that shaders do not know is one error, at the type.
        let layout = quote_spanned!(ty.span()=> <#ty as ::vksvm::GpuStruct>::LAYOUT);
        quote! {
            ::vksvm::FieldLayout { name: #name, offset: ::core::mem::offset_of!(Self, #field), layout: #layout }
        }
    });
    let names: Vec<_> = fields.iter().map(|f| f.ident).collect();
    // The `unsafe impl` is sound: `repr(C)` was checked above, each field's LAYOUT exists only for any-bit-pattern
    // types, and offsets and sizes are the compiler's own.
    Ok(quote! {
        // Does not compile where another macro has given the struct a field that the derive has not seen.
        const _: () = {
            #[allow(dead_code)]
            fn every_field #impl_generics (value: #ident #type_generics) #where_clause {
                let #ident { #(#names: _),* } = value;
            }
        };
        #[automatically_derived]
        #[allow(unsafe_code)]
        unsafe impl #impl_generics ::vksvm::GpuStruct for #ident #type_generics #where_clause {
            const LAYOUT: ::vksvm::TypeLayout = ::vksvm::TypeLayout::Struct(&::vksvm::StructLayout {
                name: #name,
                id: ::core::any::TypeId::of::<Self>(),
                parameters: &[#(#parameters),*],
                size: ::core::mem::size_of::<Self>(),
                align: ::core::mem::align_of::<Self>(),
                fields: &[#(#layouts),*],
            });
        }
    })
}

/// `repr(C)` is there and `repr(packed)` is not.
fn check_repr(input: &DeriveInput) -> Result<()> {
    let mut c = false;
    for attr in input.attrs.iter().filter(|a| a.path().is_ident("repr")) {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("packed") {
                let message = "repr(packed) fields are not aligned as shaders access them; remove packed";
                return Err(Error::new_spanned(&meta.path, message));
            }
            c |= meta.path.is_ident("C");
            // align(N): any value will do, rustc checks it.
            if meta.input.peek(syn::token::Paren) {
                let inside;
                syn::parenthesized!(inside in meta.input);
                inside.parse::<TokenStream>()?;
            }
            Ok(())
        })?;
    }
    if c {
        return Ok(());
    }
    let ident: &Ident = &input.ident;
    let message = "a struct shared with shaders needs a fixed layout: add #[repr(C)]";
    Err(Error::new_spanned(ident, message))
}
