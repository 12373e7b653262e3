//! `#[derive(KernelArgs)]`.

use crate::{length, named_fields};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    DeriveInput, Error, GenericParam, Generics, Lifetime, Meta, Result, Type, TypePath, spanned::Spanned,
    visit_mut::VisitMut,
};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let fields = named_fields(input, "KernelArgs")?;
    if let Some(second) = input.generics.lifetimes().nth(1) {
        let message = "an argument struct has at most one lifetime parameter, that of its slices";
        return Err(Error::new_spanned(&second.lifetime, message));
    }

    let ident = &input.ident;
    let generics = without_lifetime(&input.generics);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let with = with_lifetime(&input.generics, &Lifetime::new("'__with", Span::mixed_site()));
    let fixed = with_lifetime(&input.generics, &Lifetime::new("'static", Span::call_site()));

    let all: Vec<_> = fields.iter().map(|f| (f.ident, f.name.as_str())).collect();
    let mut checks = vec![];
    let (mut idents, mut names, mut types) = (vec![], vec![], vec![]);
    for f in &fields {
        let (field, name) = (f.ident, &f.name);
        for attr in f.field.attrs.iter().filter(|a| a.path().is_ident("len")) {
            let Meta::List(list) = &attr.meta else {
                return Err(Error::new_spanned(attr, "write #[len(expression)], e.g. #[len(n)]"));
            };
            let expression = list.parse_args()?;
            let value = length::rewrite(&expression, &all)?;
            let text = readable(&expression.to_token_stream().to_string());
            let slice = quote_spanned!(f.field.ty.span()=> &__args.#field);
            checks.push(quote!(__encoder.at_least(#name, #slice, #text, #value);));
        }
        let mut ty = f.field.ty.clone();
        if let Some(own) = input.generics.lifetimes().next() {
            Replace { own: &own.lifetime, by: Lifetime::new("'static", Span::call_site()) }.visit_type_mut(&mut ty);
        }
        idents.push(field);
        names.push(name);
        types.push(ty);
    }

    let describe = names.iter().zip(&types).map(|(name, ty)| quote_spanned!(ty.span()=> __block.field::<#ty>(#name);));
    let reaches = types.iter().any(|t| matches!(t, Type::Path(p) if is_reach(p)));
    let safe = (!reaches).then(|| {
        // A `Reach` under another name does not get through: each field's type must be a SafeField.
        let each = types.iter().map(|ty| quote_spanned!(ty.span()=> safe::<#ty>();));
        quote! {
            #[automatically_derived]
            #[allow(unsafe_code)]
            unsafe impl #impl_generics ::vksvm::SafeArgs for #ident #fixed #where_clause {}
            const _: () = {
                const fn safe<F: ::vksvm::derived::SafeField>() {}
                #[allow(dead_code, clippy::extra_unused_type_parameters)]
                fn fields #impl_generics () #where_clause { #(#each)* }
            };
        }
    });

    Ok(quote! {
        #[automatically_derived]
        #[allow(unsafe_code)]
        unsafe impl #impl_generics ::vksvm::KernelArgs for #ident #fixed #where_clause {
            type With<'__with> = #ident #with;
            fn layout() -> ::std::vec::Vec<::vksvm::ArgLayout> {
                #[allow(unused_mut)]
                let mut __block = <::vksvm::derived::Block as ::core::default::Default>::default();
                #(#describe)*
                __block.finish()
            }
            #[allow(unused_variables)]
            fn encode<'__with>(__args: &Self::With<'__with>, __encoder: &mut ::vksvm::Encoder<'__with>) {
                #(#checks)*
                #(::vksvm::derived::Field::<'__with>::put(&__args.#idents, #names, __encoder);)*
            }
        }
        #safe
    })
}

/// Tokens as one would write them.
fn readable(tokens: &str) -> String {
    let changes =
        [(" . ", "."), (" ()", "()"), ("( ", "("), (" )", ")"), (" [", "["), ("[ ", "["), (" ]", "]"), (" :: ", "::")];
    changes.iter().fold(tokens.to_string(), |text, (from, to)| text.replace(from, to))
}

fn is_reach(path: &TypePath) -> bool {
    path.path.segments.last().is_some_and(|s| s.ident == "Reach")
}

/// The parameters of an impl for the struct with its lifetime fixed to `'static`.
fn without_lifetime(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    let own = generics.lifetimes().next().map(|l| l.lifetime.clone());
    generics.params = generics.params.into_iter().filter(|p| !matches!(p, GenericParam::Lifetime(_))).collect();
    if let Some(own) = own {
        Replace { own: &own, by: Lifetime::new("'static", Span::call_site()) }.visit_generics_mut(&mut generics);
    }
    generics
}

/// The struct's generic arguments, `<'lifetime, T, N>`.
fn with_lifetime(generics: &Generics, lifetime: &Lifetime) -> TokenStream {
    let arguments = generics.params.iter().map(|p| match p {
        GenericParam::Lifetime(_) => lifetime.to_token_stream(),
        GenericParam::Type(t) => t.ident.to_token_stream(),
        GenericParam::Const(c) => c.ident.to_token_stream(),
    });
    quote!(<#(#arguments),*>)
}

struct Replace<'a> {
    own: &'a Lifetime,
    by: Lifetime,
}

impl VisitMut for Replace<'_> {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime == self.own {
            *lifetime = self.by.clone();
        }
    }
}
