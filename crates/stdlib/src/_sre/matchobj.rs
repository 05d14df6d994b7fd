//! `re.Match` and replacement templates.

use super::engine::State;
use super::pattern::{Input, Output, Pattern};
use macros::pyclass;
use runtime::objects::unicode::StrBuilder;
use runtime::prelude::*;
use runtime::py_layout;
use runtime::typeobject::alloc_object;

struct MatchData {
    string: PyRef,
    pattern: Ref<Pattern>,
    pos: usize,
    endpos: usize,
    last_index: usize,
    /// Bounds of the match and of every group; -1 where it took no part.
    spans: Vec<(isize, isize)>,
}

/// `re.Match`.
#[repr(C)]
pub struct Match {
    ob_base: abi::PyObject,
    data: *mut MatchData,
}
static mut MATCH_TYPE: Type = Type::STATIC;
py_layout!(Match, MATCH_TYPE);

impl Match {
    fn data(&self) -> &MatchData {
        // SAFETY: set at creation, owned, immutable.
        unsafe { &*self.data }
    }

    pub fn make(
        p: &Pattern,
        input: &Input,
        st: &State,
        m: (usize, usize),
        pos: usize,
        endpos: usize,
    ) -> PyResult<PyRef> {
        let n = p.data().groups;
        let mut spans = Vec::with_capacity(n + 1);
        spans.push((m.0 as isize, m.1 as isize));
        for g in 0..n {
            spans.push(match Pattern::group_range(st, g) {
                Some((a, b)) => (a as isize, b as isize),
                None => (-1, -1),
            });
        }
        let d = MatchData {
            string: input.obj.clone(),
            pattern: Ref::new_ref(p),
            pos,
            endpos,
            last_index: st.last_index,
            spans,
        };
        let o = alloc_object::<Match>(Match::type_object())?;
        // SAFETY: nobody else sees the object yet.
        unsafe { (*o.as_raw()).data = Box::into_raw(Box::new(d)) };
        Ok(o.upcast())
    }

    /// The number of a group given by number or name.
    fn index(&self, o: &Object) -> PyResult<usize> {
        let d = self.data();
        let i = if let Some(i) = o.downcast_exact::<Int>() {
            i.try_i64().unwrap_or(-1) as isize
        } else if o.index_check() {
            o.as_isize_clamped()?
        } else {
            match d.pattern.data().groupindex.get(o)? {
                Some(v) => v.downcast::<Int>().and_then(|i| i.try_i64()).unwrap_or(-1) as isize,
                None => -1,
            }
        };
        if i < 0 || i as usize >= d.spans.len() {
            return Err(raise!(IndexError, "no such group"));
        }
        Ok(i as usize)
    }

    fn text(&self, g: usize, default: &Object) -> PyResult<PyRef> {
        let d = self.data();
        let (a, b) = d.spans[g];
        if a < 0 {
            return Ok(default.to_ref());
        }
        if let Some(s) = d.string.downcast::<Str>() {
            let n = s.len();
            return Ok(s.substring((a as usize).min(n), (b as usize).min(n))?.upcast());
        }
        Input::new(&d.string, None)?.slice(a as usize, b as usize)
    }

    fn opt_index(&self, o: Option<&Object>) -> PyResult<usize> {
        o.map_or(Ok(0), |o| self.index(o))
    }

    fn pair(a: isize, b: isize) -> PyResult<PyRef> {
        Ok(Tuple::from_refs(vec![Int::from_i64(a as i64)?.upcast(), Int::from_i64(b as i64)?.upcast()])?.upcast())
    }
}

#[pyclass(
    name = "Match",
    module = "re",
    type_object = MATCH_TYPE,
    flags = "IMMUTABLETYPE|DISALLOW_INSTANTIATION",
    doc = "The result of re.match() and re.search().\nMatch objects always have a boolean value of True."
)]
impl Match {
    #[slot]
    fn tp_dealloc(this: *mut Match) {
        // SAFETY: the last reference is gone.
        unsafe {
            if !(*this).data.is_null() {
                drop(Box::from_raw((*this).data));
            }
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let d = self.data();
        let mut b = StrBuilder::new();
        b.push_str(&format!("<{} object; span=({}, {}), match=", self.ty().tp_name(), d.spans[0].0, d.spans[0].1));
        let t = self.text(0, none())?;
        b.push_repr_of(&t)?;
        b.push_str(">");
        b.finish()
    }
    #[slot]
    fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
        self.text(self.index(key)?, none())
    }
    /// Return subgroup(s) of the match by indices or names. For 0 returns the entire match.
    #[pymethod(raw)]
    fn group(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("Match.group")?;
        match args.args {
            [] => self.text(0, none()),
            [one] => self.text(self.index(one)?, none()),
            many => {
                let mut v = Vec::with_capacity(many.len());
                for o in many {
                    v.push(self.text(self.index(o)?, none())?);
                }
                Ok(Tuple::from_refs(v)?.upcast())
            }
        }
    }
    /// Return a tuple containing all the subgroups of the match, from 1.
    #[pymethod(sig = "default=None")]
    fn groups(&self, default: Arg<&Object>) -> PyResult<Ref<Tuple>> {
        let default = default.unwrap_or(none());
        let mut v = Vec::new();
        for g in 1..self.data().spans.len() {
            v.push(self.text(g, default)?);
        }
        Tuple::from_refs(v)
    }
    /// Return a dictionary containing all the named subgroups of the match, keyed by the subgroup name.
    #[pymethod(sig = "default=None")]
    fn groupdict(&self, default: Arg<&Object>) -> PyResult<Ref<Dict>> {
        let default = default.unwrap_or(none());
        let out = Dict::new()?;
        for (k, v) in self.data().pattern.data().groupindex.items_snapshot() {
            let g = self.index(&v)?;
            out.insert(k, self.text(g, default)?)?;
        }
        Ok(out)
    }
    /// Return index of the start of the substring matched by group.
    #[pymethod(sig = "group=0, /")]
    fn start(&self, group: Arg<&Object>) -> PyResult<i64> {
        Ok(self.data().spans[self.opt_index(group.into_option())?].0 as i64)
    }
    /// Return index of the end of the substring matched by group.
    #[pymethod(sig = "group=0, /")]
    fn end(&self, group: Arg<&Object>) -> PyResult<i64> {
        Ok(self.data().spans[self.opt_index(group.into_option())?].1 as i64)
    }
    /// For match object m, return the 2-tuple (m.start(group), m.end(group)).
    #[pymethod(sig = "group=0, /")]
    fn span(&self, group: Arg<&Object>) -> PyResult<PyRef> {
        let (a, b) = self.data().spans[self.opt_index(group.into_option())?];
        Match::pair(a, b)
    }
    /// Return the string obtained by doing backslash substitution on the string template, as done by the sub() method.
    #[pymethod(sig = "template")]
    fn expand(&self, template: &Object) -> PyResult<PyRef> {
        let d = self.data();
        let f = runtime::interp::current_builtins()?
            .get_item(intern!("__import__"))?
            .call1(intern!("re"))?
            .getattr(intern!("_compile_template"))?;
        let t = f.call(&[&*d.pattern, template])?;
        let Some(x) = t.downcast::<Template>() else { return Ok(t) };
        let input = Input::new(&d.string, None)?;
        let mut out = Output::new(x.literal().downcast::<Str>().is_some());
        x.expand_into(&mut out, &input, |g| match d.spans.get(g) {
            Some(&(a, b)) if a >= 0 => Some((a as usize, b as usize)),
            _ => None,
        })?;
        out.finish()
    }
    #[pymethod]
    fn __copy__(&self) -> PyRef {
        self.to_ref()
    }
    #[pymethod]
    fn __deepcopy__(&self, memo: &Object) -> PyRef {
        let _ = memo;
        self.to_ref()
    }
    /// See PEP 585
    #[pyclassmethod(sig = "item, /")]
    fn __class_getitem__(cls: &Type, item: &Object) -> PyResult<PyRef> {
        runtime::objects::genericalias::alias(cls, item)
    }
    /// The string passed to match() or search().
    #[pygetset]
    fn string(&self) -> PyRef {
        self.data().string.clone()
    }
    /// The regular expression object.
    #[pygetset]
    fn re(&self) -> PyRef {
        self.data().pattern.to_ref()
    }
    /// The index into the string at which the RE engine started looking for a match.
    #[pygetset]
    fn pos(&self) -> usize {
        self.data().pos
    }
    /// The index into the string beyond which the RE engine will not go.
    #[pygetset]
    fn endpos(&self) -> usize {
        self.data().endpos
    }
    /// The integer index of the last matched capturing group.
    #[pygetset]
    fn lastindex(&self) -> PyResult<PyRef> {
        match self.data().last_index {
            0 => Ok(none_ref()),
            n => Ok(Int::from_usize(n)?.upcast()),
        }
    }
    /// The name of the last matched capturing group.
    #[pygetset]
    fn lastgroup(&self) -> PyRef {
        let d = self.data();
        let names = &d.pattern.data().indexgroup;
        if d.last_index > 0 && d.last_index < names.len() { names.get(d.last_index).to_ref() } else { none_ref() }
    }
    #[pygetset]
    fn regs(&self) -> PyResult<Ref<Tuple>> {
        let mut v = Vec::new();
        for &(a, b) in &self.data().spans {
            v.push(Match::pair(a, b)?);
        }
        Tuple::from_refs(v)
    }
}

struct TemplateData {
    literal: PyRef,
    /// Group and the literal after it.
    parts: Vec<(usize, PyRef)>,
}

/// `_sre.SRE_Template`.
#[repr(C)]
pub struct Template {
    ob_base: abi::PyObject,
    data: *mut TemplateData,
}
static mut TEMPLATE_TYPE: Type = Type::STATIC;
py_layout!(Template, TEMPLATE_TYPE);

impl Template {
    fn data(&self) -> &TemplateData {
        // SAFETY: set at creation, owned, immutable.
        unsafe { &*self.data }
    }
    /// From `[literal, group, literal, group, literal…]`.
    pub fn from_list(l: &List) -> PyResult<PyRef> {
        let items = l.snapshot();
        let bad = || raise!(TypeError, "invalid template");
        let Some((first, rest)) = items.split_first() else { return Err(bad()) };
        let mut parts = Vec::new();
        for pair in rest.chunks(2) {
            let [g, lit] = pair else { return Err(bad()) };
            let Some(g) = g.downcast::<Int>() else { return Err(raise!(TypeError, "an integer is required")) };
            let g = g.try_i64().filter(|g| (0..=i32::MAX as i64).contains(g)).ok_or_else(bad)?;
            parts.push((g as usize, lit.clone()));
        }
        let t = alloc_object::<Template>(Template::type_object())?;
        // SAFETY: nobody else sees the object yet.
        unsafe { (*t.as_raw()).data = Box::into_raw(Box::new(TemplateData { literal: first.clone(), parts })) };
        Ok(t.upcast())
    }
    pub fn is_literal(&self) -> bool {
        self.data().parts.is_empty()
    }
    pub fn literal(&self) -> PyRef {
        self.data().literal.clone()
    }
    /// Appends the expansion; `range` gives the bounds of a group.
    pub fn expand_into(
        &self,
        out: &mut Output,
        input: &Input,
        range: impl Fn(usize) -> Option<(usize, usize)>,
    ) -> PyResult<()> {
        let d = self.data();
        out.push_object(&d.literal)?;
        for (g, lit) in &d.parts {
            if let Some((a, b)) = range(*g) {
                out.push_slice(input, a, b);
            }
            out.push_object(lit)?;
        }
        Ok(())
    }
}

#[pyclass(name = "SRE_Template", module = "_sre", type_object = TEMPLATE_TYPE, flags = "IMMUTABLETYPE|DISALLOW_INSTANTIATION")]
impl Template {
    #[slot]
    fn tp_dealloc(this: *mut Template) {
        // SAFETY: the last reference is gone.
        unsafe {
            if !(*this).data.is_null() {
                drop(Box::from_raw((*this).data));
            }
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
}
