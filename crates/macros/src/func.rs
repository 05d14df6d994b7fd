//! Trampolines: the C function of a Python function or method, and its `PyMethodDef` row.

use crate::sig::{self, Kind, Sig};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Attribute, Error, Expr, ExprLit, FnArg, Ident, ImplItemFn, ItemFn, Lit, Meta, Result, Signature};

/// Options of `#[pyfunction(...)]`, `#[pymethod(...)]`, `#[slot(...)]` and their relatives.
#[derive(Default)]
pub struct Options {
    pub name: Option<String>,
    pub sig: Option<String>,
    pub text_signature: Option<Option<String>>,
    pub raw: bool,
    pub module: bool,
    pub coexist: bool,
    pub doc: Option<String>,
}

pub fn parse_options(attr: &Attribute) -> Result<Options> {
    let mut o = Options::default();
    if matches!(attr.meta, Meta::Path(_)) {
        return Ok(o);
    }
    attr.parse_nested_meta(|m| {
        let key = m.path.get_ident().map(|i| i.to_string()).unwrap_or_default();
        match key.as_str() {
            "raw" => o.raw = true,
            "module" => o.module = true,
            "coexist" => o.coexist = true,
            "name" => o.name = Some(m.value()?.parse::<syn::LitStr>()?.value()),
            "sig" => o.sig = Some(m.value()?.parse::<syn::LitStr>()?.value()),
            "doc" => o.doc = Some(m.value()?.parse::<syn::LitStr>()?.value()),
            "text_signature" => {
                let v = m.value()?;
                o.text_signature = Some(if v.peek(syn::LitStr) {
                    Some(v.parse::<syn::LitStr>()?.value())
                } else {
                    v.parse::<Ident>()?;
                    None
                });
            }
            _ => return Err(m.error("unknown option")),
        }
        Ok(())
    })?;
    Ok(o)
}

/// The doc comment as one string.
pub fn doc_of(attrs: &[Attribute]) -> Option<String> {
    let mut lines = Vec::new();
    for a in attrs {
        if let Meta::NameValue(nv) = &a.meta
            && nv.path.is_ident("doc")
            && let Expr::Lit(ExprLit { lit: Lit::Str(s), .. }) = &nv.value
        {
            let line = s.value();
            lines.push(line.strip_prefix(' ').unwrap_or(&line).to_string());
        }
    }
    if lines.is_empty() { None } else { Some(lines.join("\n").trim().to_string()) }
}

pub fn cstr(s: &str) -> Result<proc_macro2::Literal> {
    let c = std::ffi::CString::new(s).map_err(|_| Error::new(Span::call_site(), "a null byte"))?;
    Ok(proc_macro2::Literal::c_string(&c))
}

/// What `self` is in the C function.
#[derive(Clone, Copy, PartialEq)]
pub enum Receiver {
    /// Module functions: the module object, passed on only with `module`.
    Module,
    /// Methods: the instance.
    Instance,
    Class,
    Static,
}

/// A row of a method table, with the items it needs.
pub struct Method {
    pub items: TokenStream,
    pub row: TokenStream,
}

pub fn safe(name: &str) -> String {
    name.strip_prefix("r#").unwrap_or(name).to_string()
}

/// Builds the static `Signature` description and the statements that bind each parameter from `parsed`.
/// Leaves `args: FuncArgs<'_>` in scope as the source.
pub fn parse_block(fname: &str, sig: &Sig) -> Result<(TokenStream, Vec<TokenStream>)> {
    let mut rows = Vec::new();
    let mut binds = Vec::new();
    let mut names = Vec::new();
    let n = sig.params.iter().filter(|p| !matches!(p.kind, Kind::VarArgs | Kind::VarKw)).count();
    let (mut posonly, mut pos, mut min_pos) = (0usize, 0usize, 0usize);
    let (mut varargs, mut varkw) = (false, false);
    let mut i = 0usize;
    for (k, p) in sig.params.iter().enumerate() {
        let id = format_ident!("__a{}", k);
        names.push(quote!(#id));
        match p.kind {
            Kind::VarArgs => {
                varargs = true;
                binds.push(quote!(let #id = __args.rest(__SIG.pos);));
            }
            Kind::VarKw => {
                varkw = true;
                let opt = format_ident!("__kw{}", k);
                binds.push(quote!(let #opt = __SIG.extra_keywords(&__args)?; let #id = #opt.as_deref();));
            }
            kind => {
                let required = p.default.is_none();
                let name = &p.name;
                if kind == Kind::PosOnly {
                    posonly += 1;
                }
                if kind != Kind::KwOnly {
                    pos += 1;
                    if required {
                        min_pos = pos;
                    }
                }
                rows.push(quote!(::runtime::convert::Param { name: #name, required: #required }));
                let v = sig::convert(p, i, quote!(__parsed[#i]))?;
                binds.push(quote!(let #id = #v;));
                i += 1;
            }
        }
    }
    let pre = quote! {
        static __SIG: ::runtime::convert::Signature = ::runtime::convert::Signature {
            name: #fname, params: &[#(#rows),*], posonly: #posonly, pos: #pos, min_pos: #min_pos, varargs: #varargs, varkw: #varkw,
        };
        let __parsed = __SIG.parse::<#n>(&__args)?;
        #(#binds)*
    };
    Ok((pre, names))
}

pub struct FnParts<'a> {
    pub attrs: &'a [Attribute],
    pub sig: &'a Signature,
}
impl<'a> From<&'a ItemFn> for FnParts<'a> {
    fn from(f: &'a ItemFn) -> Self {
        FnParts { attrs: &f.attrs, sig: &f.sig }
    }
}
impl<'a> From<&'a ImplItemFn> for FnParts<'a> {
    fn from(f: &'a ImplItemFn) -> Self {
        FnParts { attrs: &f.attrs, sig: &f.sig }
    }
}

pub fn method(f: FnParts<'_>, target: TokenStream, receiver: Receiver, opts: &Options, prefix: &str) -> Result<Method> {
    let rust_name = safe(&f.sig.ident.to_string());
    let name = opts.name.clone().unwrap_or_else(|| rust_name.clone());
    let mut inputs: Vec<&FnArg> = f.sig.inputs.iter().collect();
    // The leading parameter(s) that are not Python arguments.
    let lead: TokenStream = match receiver {
        Receiver::Module => {
            if opts.module {
                inputs.remove(0);
                quote!(::runtime::object::Object::from_ptr(__slf).cast::<::runtime::objects::Module>(),)
            } else {
                quote!()
            }
        }
        Receiver::Instance => match inputs.first() {
            Some(FnArg::Receiver(_)) => {
                inputs.remove(0);
                quote!(&*__slf.cast::<__Slf>(),)
            }
            _ => {
                if inputs.is_empty() {
                    return Err(Error::new_spanned(f.sig, "a method needs a receiver"));
                }
                inputs.remove(0);
                quote!(::runtime::convert::receiver(__slf),)
            }
        },
        Receiver::Class => {
            inputs.remove(0);
            quote!(&*__slf.cast::<::runtime::object::Type>(),)
        }
        Receiver::Static => quote!(),
    };
    let tramp = format_ident!("__py_{}_{}", prefix, rust_name);
    let (flags, params, body, text): (TokenStream, TokenStream, TokenStream, Option<String>);
    if opts.raw {
        flags = quote!(::abi::METH_FASTCALL | ::abi::METH_KEYWORDS);
        params = quote!(__args: *const *mut ::abi::PyObject, __n: isize, __kw: *mut ::abi::PyObject);
        body = quote!(let __args = ::runtime::convert::FuncArgs::from_fastcall(__args, __n, __kw); ::runtime::convert::IntoPyResult::into_result(#target(#lead __args)));
        text = opts.sig.clone();
    } else {
        let parsed = sig::parse(opts.sig.as_deref(), sig::rust_params(&inputs)?, f.sig)?;
        let plain = parsed.is_positional_only() && !parsed.has_varargs();
        if plain && parsed.params.is_empty() {
            flags = quote!(::abi::METH_NOARGS);
            params = quote!(_unused: *mut ::abi::PyObject);
            body = quote!(::runtime::convert::IntoPyResult::into_result(#target(#lead)));
        } else if plain && parsed.params.len() == 1 && parsed.params[0].default.is_none() {
            let ty = &parsed.params[0].ty;
            flags = quote!(::abi::METH_O);
            params = quote!(__a: *mut ::abi::PyObject);
            body = quote!(let __v = <#ty as ::runtime::convert::FromPy>::from_arg(Some(::runtime::object::Object::from_ptr(__a))).map_err(|__e| ::runtime::convert::in_only_argument(__e, #name))?; ::runtime::convert::IntoPyResult::into_result(#target(#lead __v)));
        } else {
            let (pre, names) = parse_block(&name, &parsed)?;
            if parsed.is_positional_only() {
                flags = quote!(::abi::METH_FASTCALL);
                params = quote!(__args: *const *mut ::abi::PyObject, __n: isize);
                body = quote!(let __args = ::runtime::convert::FuncArgs::from_fastcall(__args, __n, ::core::ptr::null_mut()); #pre ::runtime::convert::IntoPyResult::into_result(#target(#lead #(#names),*)));
            } else {
                flags = quote!(::abi::METH_FASTCALL | ::abi::METH_KEYWORDS);
                params = quote!(__args: *const *mut ::abi::PyObject, __n: isize, __kw: *mut ::abi::PyObject);
                body = quote!(let __args = ::runtime::convert::FuncArgs::from_fastcall(__args, __n, __kw); #pre ::runtime::convert::IntoPyResult::into_result(#target(#lead #(#names),*)));
            }
        }
        text = parsed.text;
    }
    let first = match receiver {
        Receiver::Module => "$module",
        Receiver::Instance => "$self",
        Receiver::Class => "$type",
        Receiver::Static => "",
    };
    let text = match &opts.text_signature {
        Some(t) => t.clone(),
        None => text,
    };
    let doc = opts.doc.clone().or_else(|| doc_of(f.attrs));
    let shown = match text {
        Some(t) if !opts.raw || opts.sig.is_some() || opts.text_signature.is_some() => {
            let has_slash = t.split(',').any(|x| x.trim() == "/");
            let t = t.trim().to_string();
            let full = match (first.is_empty(), t.is_empty()) {
                (true, _) => t,
                (false, true) => format!("{first}, /"),
                (false, false) if has_slash => format!("{first}, {t}"),
                (false, false) => format!("{first}, /, {t}"),
            };
            Some(format!("{name}({full})\n--\n\n{}", doc.clone().unwrap_or_default()))
        }
        _ => doc,
    };
    let doc = match shown {
        Some(d) => {
            let c = cstr(&d)?;
            quote!(#c.as_ptr())
        }
        None => quote!(::core::ptr::null()),
    };
    let kind = match receiver {
        Receiver::Class => quote!(| ::abi::METH_CLASS),
        Receiver::Static => quote!(| ::abi::METH_STATIC),
        _ => quote!(),
    };
    let coexist = if opts.coexist { quote!(| ::abi::METH_COEXIST) } else { quote!() };
    let cname = cstr(&name)?;
    let items = quote! {
        #[allow(unused_variables, unused_unsafe, non_snake_case, clippy::all)]
        unsafe extern "C" fn #tramp(__slf: *mut ::abi::PyObject, #params) -> *mut ::abi::PyObject {
            ::runtime::convert::guard_object(|| {
                // SAFETY: called through the method table with arguments of the declared convention.
                unsafe { #body }
            })
        }
    };
    let row = quote!(::runtime::convert::method_def(#cname, #tramp as *const (), #flags #kind #coexist, #doc));
    Ok(Method { items, row })
}
