//! Python signatures: parsing `a, b=None, /, *, c=1, **kw` and deriving one from Rust parameters.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, FnArg, Ident, Pat, Result, Type};

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    PosOnly,
    PosOrKw,
    KwOnly,
    VarArgs,
    VarKw,
}

pub struct Param {
    pub name: String,
    pub kind: Kind,
    /// The default as written in the signature.
    pub default: Option<String>,
    pub ty: Type,
}

pub struct Sig {
    pub params: Vec<Param>,
    /// As shown to `inspect`; `None` hides the text signature.
    pub text: Option<String>,
}

impl Sig {
    pub fn is_positional_only(&self) -> bool {
        self.params.iter().all(|p| matches!(p.kind, Kind::PosOnly | Kind::VarArgs))
    }
    pub fn has_varargs(&self) -> bool {
        self.params.iter().any(|p| p.kind == Kind::VarArgs)
    }
}

/// The Rust parameters (name and type) that take Python arguments.
pub fn rust_params(args: &[&FnArg]) -> Result<Vec<(Ident, Type)>> {
    args.iter()
        .map(|a| match a {
            FnArg::Typed(t) => match &*t.pat {
                Pat::Ident(i) => Ok((i.ident.clone(), (*t.ty).clone())),
                Pat::Wild(_) => Ok((Ident::new("_unused", proc_macro2::Span::call_site()), (*t.ty).clone())),
                p => Err(Error::new_spanned(p, "a plain parameter name is needed")),
            },
            FnArg::Receiver(r) => Err(Error::new_spanned(r, "unexpected receiver")),
        })
        .collect()
}

pub fn last_segment(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(p) => p.path.segments.last().map(|s| s.ident.to_string()),
        _ => None,
    }
}

fn strip(name: &str) -> String {
    name.strip_prefix("r#").unwrap_or(name).to_string()
}

/// Splits at top-level commas.
fn split(text: &str) -> Vec<String> {
    let (mut depth, mut quote, mut cur, mut out) = (0, None::<char>, String::new(), Vec::new());
    for ch in text.chars() {
        match quote {
            Some(q) => {
                if ch == q {
                    quote = None
                }
            }
            None => match ch {
                '\'' | '"' => quote = Some(ch),
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 => {
                    out.push(std::mem::take(&mut cur).trim().to_string());
                    continue;
                }
                _ => {}
            },
        }
        cur.push(ch);
    }
    if !cur.trim().is_empty() {
        out.push(cur.trim().to_string());
    }
    out
}

pub fn parse(text: Option<&str>, rust: Vec<(Ident, Type)>, span: &dyn quote::ToTokens) -> Result<Sig> {
    let Some(text) = text else {
        // Derived: everything positional-only; Option and Arg parameters may be left out.
        let mut shown = Vec::new();
        let params: Vec<Param> = rust
            .into_iter()
            .map(|(ident, ty)| {
                let name = strip(&ident.to_string());
                let name = name.trim_start_matches('_').to_string();
                let default = match last_segment(&ty).as_deref() {
                    Some("Option") => Some("None".to_string()),
                    Some("Arg") => Some("<unrepresentable>".to_string()),
                    _ => None,
                };
                shown.push(match &default {
                    Some(d) => format!("{name}={d}"),
                    None => name.clone(),
                });
                Param { name, kind: Kind::PosOnly, default, ty }
            })
            .collect();
        let text = if params.is_empty() { String::new() } else { format!("{}, /", shown.join(", ")) };
        return Ok(Sig { params, text: Some(text) });
    };
    let items = split(text);
    let slash = items.iter().position(|i| i == "/");
    let mut params = Vec::new();
    let mut rust = rust.into_iter();
    let mut kw_only = false;
    for (n, item) in items.iter().enumerate() {
        if item == "/" {
            continue;
        }
        if item == "*" {
            kw_only = true;
            continue;
        }
        let (_, ty) = rust
            .next()
            .ok_or_else(|| Error::new_spanned(span, "the signature has more parameters than the function"))?;
        let (name, kind, default) = if let Some(name) = item.strip_prefix("**") {
            (name.to_string(), Kind::VarKw, None)
        } else if let Some(name) = item.strip_prefix('*') {
            kw_only = true;
            (name.to_string(), Kind::VarArgs, None)
        } else {
            let (name, default) = match item.split_once('=') {
                Some((a, b)) => (a.trim().to_string(), Some(b.trim().to_string())),
                None => (item.clone(), None),
            };
            let kind = if kw_only {
                Kind::KwOnly
            } else if slash.is_some_and(|s| n < s) {
                Kind::PosOnly
            } else {
                Kind::PosOrKw
            };
            (name, kind, default)
        };
        params.push(Param { name, kind, default, ty });
    }
    if rust.next().is_some() {
        return Err(Error::new_spanned(span, "the function has more parameters than the signature"));
    }
    Ok(Sig { params, text: Some(text.to_string()) })
}

/// The Rust expression of the value of the parameter with index `i` (without starred ones) given `slot: Option<&Object>`.
pub fn convert(p: &Param, i: usize, slot: TokenStream) -> Result<TokenStream> {
    let ty = &p.ty;
    let seg = last_segment(ty);
    let or_none = seg.as_deref() == Some("Option");
    let from = quote!(match <#ty as ::runtime::convert::FromPy>::from_arg(#slot) {
        Ok(__v) => __v,
        Err(__e) => return Err(__SIG.in_argument(__e, #i, #or_none)),
    });
    let Some(default) = p.default.as_deref() else { return Ok(from) };
    if matches!(seg.as_deref(), Some("Arg")) || default.starts_with('<') {
        return Ok(from);
    }
    let literal: TokenStream = match default {
        "None" => {
            return Ok(if seg.as_deref() == Some("Option") {
                from
            } else {
                quote!(match #slot { Some(_) => #from, None => <#ty as ::runtime::convert::FromPy>::from_arg(Some(::runtime::objects::none()))? })
            });
        }
        "True" => quote!(true),
        "False" => quote!(false),
        d if d.starts_with('\'') || d.starts_with('"') => {
            let s = &d[1..d.len() - 1];
            quote!(::core::convert::Into::into(#s))
        }
        d => match d.parse::<TokenStream>() {
            Ok(t) if d.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') => {
                if seg.as_deref() == Some("Option") { quote!(#t) } else { quote!((#t) as #ty) }
            }
            _ => return Ok(from),
        },
    };
    Ok(match seg.as_deref() {
        Some("Option") => quote!(match #slot { Some(_) => #from, None => Some(#literal) }),
        _ => quote!(match #slot { Some(_) => #from, None => #literal }),
    })
}
