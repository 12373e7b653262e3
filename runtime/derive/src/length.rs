//! The expressions of `#[len(..)]`: rewritten so that they are computed exactly.
//!
//! Arithmetic on the fields' own types could wrap or panic, so each operator becomes a call on a type that does neither.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::{BinOp, Error, Expr, ExprMethodCall, Ident, Lit, Member, Result, Type, UnOp, spanned::Spanned};

const ALLOWED: &str = "a length is made of integer fields, field.len(), integer literals and constants, with \
                       + - * / % <<, .min(..), .max(..), .div_ceil(..), parentheses and `as`";

const INTEGERS: [&str; 10] = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "usize", "isize"];

/// An expression of type `vksvm::derived::Length` over `__args`, whose fields are `fields`.
pub(crate) fn rewrite(expr: &Expr, fields: &[(&Ident, &str)]) -> Result<TokenStream> {
    let span = expr.span();
    let no = || Err(Error::new_spanned(expr, ALLOWED));
    let leaf = |value: TokenStream| quote_spanned!(span=> ::vksvm::derived::Length::of(#value));
    Ok(match expr {
        Expr::Paren(e) => rewrite(&e.expr, fields)?,
        Expr::Group(e) => rewrite(&e.expr, fields)?,
        Expr::Lit(e) => match &e.lit {
            Lit::Int(i) => {
                let value: i128 = i.base10_parse()?;
                quote_spanned!(span=> ::vksvm::derived::Length::literal(#value))
            }
            _ => return no(),
        },
        Expr::Unary(e) => match e.op {
            UnOp::Neg(_) => {
                let value = rewrite(&e.expr, fields)?;
                quote_spanned!(span=> ::vksvm::derived::Length::literal(0).sub(#value))
            }
            _ => return no(),
        },
        Expr::Binary(e) => {
            let method = match e.op {
                BinOp::Add(_) => "add",
                BinOp::Sub(_) => "sub",
                BinOp::Mul(_) => "mul",
                BinOp::Div(_) => "div",
                BinOp::Rem(_) => "rem",
                BinOp::Shl(_) => "shl",
                _ => return no(),
            };
            let method = Ident::new(method, span);
            let (left, right) = (rewrite(&e.left, fields)?, rewrite(&e.right, fields)?);
            quote_spanned!(span=> #left.#method(#right))
        }
        Expr::Cast(e) => {
            let ty = match &*e.ty {
                Type::Path(p) => p.path.get_ident().filter(|i| INTEGERS.iter().any(|t| i == t)),
                _ => None,
            };
            let Some(ty) = ty else { return Err(Error::new_spanned(&e.ty, "cast lengths to integers up to 64 bits")) };
            let value = rewrite(&e.expr, fields)?;
            quote_spanned!(span=> #value.within(#ty::MIN as i128, #ty::MAX as i128))
        }
        Expr::MethodCall(e) => method(e, fields)?,
        Expr::Path(_) | Expr::Field(_) | Expr::Index(_) => leaf(place(expr, fields)?),
        _ => return no(),
    })
}

fn method(call: &ExprMethodCall, fields: &[(&Ident, &str)]) -> Result<TokenStream> {
    let span = call.span();
    let name = &call.method;
    if name == "len" && call.args.is_empty() {
        let of = place(&call.receiver, fields)?;
        return Ok(quote_spanned!(span=> ::vksvm::derived::Length::of(#of.len())));
    }
    let known = ["min", "max", "div_ceil"].iter().any(|n| name == n);
    match call.args.first() {
        Some(with) if known && call.args.len() == 1 => {
            let (receiver, with) = (rewrite(&call.receiver, fields)?, rewrite(with, fields)?);
            Ok(quote_spanned!(span=> #receiver.#name(#with)))
        }
        _ => Err(Error::new_spanned(call, ALLOWED)),
    }
}

/// A field, a part of one (`size.w`, `size[0]`), or a constant.
fn place(expr: &Expr, fields: &[(&Ident, &str)]) -> Result<TokenStream> {
    let span = expr.span();
    match expr {
        Expr::Path(p) => match p.path.get_ident() {
            Some(ident) if fields.iter().any(|(f, _)| *f == ident) => Ok(quote_spanned!(span=> __args.#ident)),
            // A path, or an upper-case word: a constant. Anything else would be a misspelt field, and rustc's
            // message about it would not say what there is.
            Some(ident) if ident.to_string().starts_with(char::is_lowercase) => {
                let names: Vec<_> = fields.iter().map(|(_, n)| *n).collect();
                let message = format!("no field `{ident}` in this struct; it has: {}", names.join(", "));
                Err(Error::new_spanned(ident, message))
            }
            _ => Ok(quote_spanned!(span=> #p)),
        },
        Expr::Field(f) => {
            let (base, Member::Named(member)) = (place(&f.base, fields)?, &f.member) else {
                return Err(Error::new_spanned(expr, ALLOWED));
            };
            Ok(quote_spanned!(span=> #base.#member))
        }
        // Only a literal: rustc refuses one that is out of bounds, while a computed one would panic in the launch.
        Expr::Index(i) => match &*i.index {
            Expr::Lit(index) => {
                let base = place(&i.expr, fields)?;
                Ok(quote_spanned!(span=> #base[#index]))
            }
            other => Err(Error::new_spanned(other, "index with a literal: a computed index could be out of bounds")),
        },
        other => Err(Error::new_spanned(other, ALLOWED)),
    }
}
