//! Mistakes in displays and comprehensions, stray stars, and quotes inside quotes.

use super::{Finder, Found};
use crate::recognise::range;
use ruff_python_ast::token::TokenKind as K;
use ruff_python_parser as rp;
use ruff_python_parser::ParseErrorType as P;
use ruff_text_size::TextRange;

impl Finder<'_> {
    pub(super) fn displays(&self, err: &rp::ParseError, i: usize) -> Found {
        let tk = &self.tk;
        let at = err.location;
        let here = self.tok(i);
        if matches!(err.error, P::InvalidStarredExpressionUsage)
            || matches!(tk.k(i), K::Star)
            || i > 0 && tk.k(i - 1) == K::Star
        {
            if let Some(f) = self.starred(at, i) {
                return Some(f);
            }
        }
        if tk.k(i) == K::Greater && i > 0 && tk.k(i - 1) == K::Less && tk.t[i - 1].e == tk.t[i].s {
            return self.syntax(self.span(i - 1, i + 1), "invalid syntax.  Maybe you meant '!=' instead of '<>'?");
        }
        // for x <if ...>: the parser looks for `in` further back.
        if let Some(f) = (0..=i).rev().take_while(|j| tk.k(*j) != K::Newline).find(|j| tk.k(*j) == K::For)
            && tk.enclosing(f).is_some()
            && let Some(e) = self.target_list(f + 1)
            && !matches!(tk.k(e), K::In | K::ColonEqual | K::Name | K::Newline)
            && (e >= i || i > f && tk.k(e) == K::If)
        {
            return self.syntax(self.tok(e), "'in' expected after for-loop variables");
        }
        // for x <not in>
        if let Some(f) = (0..i).rev().take_while(|j| tk.k(*j) != K::Newline).find(|j| tk.k(*j) == K::For)
            && tk.enclosing(f) == tk.enclosing(i)
            && self.target_list(f + 1) == Some(i)
            && !matches!(tk.k(i), K::In | K::ColonEqual)
            && tk.enclosing(i).is_some()
        {
            return self.syntax(here, "'in' expected after for-loop variables");
        }
        let o = tk.enclosing(i)?;
        // [x, y for x, y in z]
        if matches!(tk.k(i), K::For | K::Async) && matches!(tk.k(o), K::Lsqb | K::Lbrace) {
            let mut j = o + 1;
            if tk.k(j) == K::Star
                && let Some(e) = tk.bitwise_or(j + 1)
                && e == i
            {
                return self.syntax(self.span(j, e), "iterable unpacking cannot be used in comprehension");
            }
            if tk.k(j) == K::DoubleStar && tk.bitwise_or(j + 1) == Some(i) {
                return self.syntax(self.tok(j), "dict unpacking cannot be used in dict comprehension");
            }
            let mut items = 0;
            let mut last = j;
            while j < i {
                let e = match tk.k(j) {
                    K::Star => tk.bitwise_or(j + 1),
                    _ if tk.is_name(j) && tk.k(j + 1) == K::ColonEqual => tk.expression(j + 2),
                    _ => tk.expression(j),
                };
                let Some(e) = e else { break };
                items += 1;
                last = e;
                if tk.k(e) != K::Comma {
                    j = e;
                    break;
                }
                j = e + 1;
            }
            if j == i && (items > 1 || items == 1 && last != i) && tk.for_clauses(i).is_some() {
                let end = if last == i { i } else { last + 1 };
                return self
                    .syntax(self.span(o + 1, end), "did you forget parentheses around the comprehension target?");
            }
        }
        // Dicts.
        if tk.k(o) == K::Lbrace {
            if i > 0 && tk.k(i - 1) == K::Colon && matches!(tk.k(i), K::Comma | K::Rbrace) {
                return self.syntax(self.tok(i - 1), "expression expected after dictionary key and ':'");
            }
            if i > 0 && tk.k(i - 1) == K::Colon && tk.k(i) == K::Star {
                let e = tk.bitwise_or(i + 1).unwrap_or(i + 1);
                return self.syntax(self.span(i, e), "cannot use a starred expression in a dictionary value");
            }
            let has_colon = (o..i).any(|j| matches!(tk.k(j), K::Colon | K::DoubleStar) && tk.enclosing(j) == Some(o));
            if has_colon && matches!(tk.k(i), K::Rbrace | K::Comma) && i > 0 {
                let s = tk.boundary(i);
                if tk.expression(s) == Some(i) && s > 0 && tk.k(s - 1) == K::Comma {
                    let p = tk.t[i - 1].s;
                    let mut f = self.syntax(range(p, p), "':' expected after dictionary key");
                    if let Some(f) = &mut f {
                        f.1 = range(p, p);
                    }
                    return f;
                }
            }
        }
        None
    }

    /// Targets of a `for`: expressions that may stand there, separated by commas.
    pub(super) fn target_list(&self, i: usize) -> Option<usize> {
        let tk = &self.tk;
        let one = |j: usize| tk.bitwise_or(if tk.k(j) == K::Star { j + 1 } else { j });
        let mut j = one(i)?;
        while tk.k(j) == K::Comma {
            match one(j + 1) {
                Some(n) => j = n,
                None => return Some(j + 1),
            }
        }
        Some(j)
    }

    /// A string, then something that is no string, then a string again: quotes inside quotes.
    pub(super) fn broken_string(&self, i: usize) -> Found {
        let tk = &self.tk;
        let string = |j: usize| matches!(tk.k(j), K::String);
        let first = (0..=i).rev().take_while(|j| tk.k(*j) != K::Newline).find(|j| string(*j))?;
        let mut j = first + 1;
        let mut parts = 0;
        while !string(j) && parts < 100 {
            j = tk.disjunction(j)?;
            parts += 1;
        }
        if parts == 0 || i > j {
            return None;
        }
        self.syntax(self.span(first + 1, j), "invalid syntax. Is this intended to be part of the string?")
    }

    pub(super) fn starred(&self, at: TextRange, i: usize) -> Found {
        let tk = &self.tk;
        let star = if tk.k(i) == K::Star {
            i
        } else if i > 0 && tk.k(i - 1) == K::Star {
            i - 1
        } else {
            tk.at(at.start().to_usize())
        };
        if tk.k(star) != K::Star {
            return None;
        }
        let e = tk.bitwise_or(star + 1);
        let o = tk.enclosing(star);
        // In a subscript a star may begin an item, and nothing else.
        if let Some(o) = o.filter(|o| tk.k(*o) == K::Lsqb && self.is_call(*o)) {
            if star > o + 1 && tk.k(star - 1) != K::Comma {
                return self.syntax(self.tok(star), "invalid syntax");
            }
            if tk.k(star + 1) == K::Lpar
                && let Some(end) = tk.brackets(star + 1)
                && let Some(c) = (star + 2..end).find(|c| tk.k(*c) == K::Colon && tk.enclosing(*c) == Some(star + 1))
            {
                return self.syntax(self.tok(c), "Invalid star expression");
            }
            if let Some(e) = e.filter(|e| tk.k(*e) == K::Colon) {
                return self.syntax(self.tok(e), "invalid syntax");
            }
        }
        match (e, o) {
            // (*x) alone
            (Some(e), Some(o)) if tk.k(o) == K::Lpar && star == o + 1 && tk.k(e) == K::Rpar && !self.is_call(o) => {
                self.syntax(self.span(star, e), "cannot use starred expression here")
            }
            (None, Some(_)) if matches!(tk.k(star + 1), K::Rpar | K::Rsqb | K::Comma | K::Colon | K::Lpar) => {
                self.syntax(self.tok(star + 1), "Invalid star expression")
            }
            _ => None,
        }
    }

    pub(super) fn is_call(&self, o: usize) -> bool {
        let tk = &self.tk;
        o > 0 && (tk.is_name(o - 1) || matches!(tk.k(o - 1), K::Rpar | K::Rsqb | K::String | K::Rbrace))
    }
}
