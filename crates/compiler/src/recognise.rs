//! Recognisers of expressions over tokens: enough grammar to tell mistakes apart in a source that does not parse.

use ruff_python_ast as r;
use ruff_python_ast::token::TokenKind as K;
use ruff_text_size::{TextRange, TextSize};

/// A token: kind and byte range.
#[derive(Clone, Copy, Debug)]
pub struct T {
    pub k: K,
    pub s: usize,
    pub e: usize,
}

/// The significant tokens, and recognisers over them. A recogniser gives the index after what it recognised.
pub struct Tokens<'a> {
    pub t: Vec<T>,
    pub src: &'a str,
}

/// A range of bytes.
pub fn range(s: usize, e: usize) -> TextRange {
    TextRange::new(TextSize::new(s as u32), TextSize::new(e.max(s) as u32))
}

impl Tokens<'_> {
    pub fn k(&self, i: usize) -> K {
        self.t.get(i).map_or(K::EndOfFile, |t| t.k)
    }
    pub fn text(&self, i: usize) -> &str {
        self.t.get(i).map_or("", |t| &self.src[t.s..t.e])
    }
    /// Index of the first token at or after an offset.
    pub fn at(&self, offset: usize) -> usize {
        self.t.partition_point(|t| t.e <= offset && !(t.s == t.e && t.s >= offset)).min(self.t.len().saturating_sub(1))
    }
    pub fn is_name(&self, i: usize) -> bool {
        matches!(self.k(i), K::Name | K::Match | K::Case | K::Type | K::Lazy)
    }
    /// Matching close of the bracket at `i`: index after it.
    pub fn brackets(&self, i: usize) -> Option<usize> {
        let mut depth = 0;
        for j in i..self.t.len() {
            match self.k(j) {
                K::Lpar | K::Lsqb | K::Lbrace => depth += 1,
                K::Rpar | K::Rsqb | K::Rbrace => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(j + 1);
                    }
                }
                K::EndOfFile => return None,
                _ => {}
            }
        }
        None
    }
    pub fn fstring(&self, i: usize) -> Option<usize> {
        let mut depth = 0;
        for j in i..self.t.len() {
            match self.k(j) {
                K::FStringStart | K::TStringStart => depth += 1,
                K::FStringEnd | K::TStringEnd => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(j + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
    pub fn atom(&self, i: usize) -> Option<usize> {
        match self.k(i) {
            _ if self.is_name(i) => Some(i + 1),
            K::Int | K::Float | K::Complex | K::None | K::True | K::False | K::Ellipsis => Some(i + 1),
            K::String | K::FStringStart | K::TStringStart => {
                let mut j = i;
                loop {
                    match self.k(j) {
                        K::String => j += 1,
                        K::FStringStart | K::TStringStart => j = self.fstring(j)?,
                        _ => return Some(j),
                    }
                }
            }
            K::Lpar | K::Lsqb | K::Lbrace => self.brackets(i),
            _ => None,
        }
    }
    pub fn primary(&self, i: usize) -> Option<usize> {
        let mut j = self.atom(i)?;
        loop {
            match self.k(j) {
                K::Dot if self.is_name(j + 1) => j += 2,
                K::Lpar | K::Lsqb => j = self.brackets(j)?,
                _ => return Some(j),
            }
        }
    }
    pub fn unary(&self, i: usize) -> Option<usize> {
        let mut j = i;
        while matches!(self.k(j), K::Plus | K::Minus | K::Tilde | K::Await) {
            j += 1;
        }
        self.primary(j)
    }
    pub fn bitwise_or(&self, i: usize) -> Option<usize> {
        let mut j = self.unary(i)?;
        while matches!(
            self.k(j),
            K::Plus
                | K::Minus
                | K::Star
                | K::Slash
                | K::DoubleSlash
                | K::Percent
                | K::At
                | K::DoubleStar
                | K::LeftShift
                | K::RightShift
                | K::Amper
                | K::Vbar
                | K::CircumFlex
        ) {
            match self.unary(j + 1) {
                Some(n) => j = n,
                None => return Some(j),
            }
        }
        Some(j)
    }
    pub fn inversion(&self, i: usize) -> Option<usize> {
        let mut i = i;
        while self.k(i) == K::Not {
            i += 1;
        }
        let mut j = self.bitwise_or(i)?;
        loop {
            let n = match (self.k(j), self.k(j + 1)) {
                (K::EqEqual | K::NotEqual | K::Less | K::LessEqual | K::Greater | K::GreaterEqual, _) => j + 1,
                (K::Is, K::Not) | (K::Not, K::In) => j + 2,
                (K::Is | K::In, _) => j + 1,
                _ => return Some(j),
            };
            match self.bitwise_or(n) {
                Some(n) => j = n,
                None => return Some(j),
            }
        }
    }
    pub fn disjunction(&self, i: usize) -> Option<usize> {
        let mut j = self.inversion(i)?;
        while matches!(self.k(j), K::And | K::Or) {
            match self.inversion(j + 1) {
                Some(n) => j = n,
                None => return Some(j),
            }
        }
        Some(j)
    }
    pub fn lambda(&self, i: usize) -> Option<usize> {
        let mut j = i + 1;
        let mut depth = 0;
        loop {
            match self.k(j) {
                K::Colon if depth == 0 => return self.expression(j + 1),
                K::Lambda => depth += 1,
                K::Colon => depth -= 1,
                K::Lpar | K::Lsqb | K::Lbrace => {
                    j = self.brackets(j)?;
                    continue;
                }
                K::Newline | K::EndOfFile | K::Rpar | K::Rsqb | K::Rbrace => return None,
                _ => {}
            }
            j += 1;
        }
    }
    pub fn expression(&self, i: usize) -> Option<usize> {
        if self.k(i) == K::Lambda {
            return self.lambda(i);
        }
        let j = self.disjunction(i)?;
        if self.k(j) == K::If
            && let Some(n) = self.disjunction(j + 1)
            && self.k(n) == K::Else
            && let Some(e) = self.expression(n + 1)
        {
            return Some(e);
        }
        Some(j)
    }
    pub fn star_expressions(&self, i: usize) -> Option<usize> {
        let one = |j: usize| if self.k(j) == K::Star { self.bitwise_or(j + 1) } else { self.expression(j) };
        let mut j = one(i)?;
        while self.k(j) == K::Comma {
            match one(j + 1) {
                Some(n) => j = n,
                None => return Some(j + 1),
            }
        }
        Some(j)
    }
    /// `for x in y if z ...` at `i`.
    pub fn for_clauses(&self, i: usize) -> Option<usize> {
        let mut j = i;
        loop {
            if self.k(j) == K::Async {
                j += 1;
            }
            if self.k(j) != K::For {
                return (j > i).then_some(j);
            }
            j += 1;
            while !matches!(self.k(j), K::In | K::Newline | K::EndOfFile | K::Rpar | K::Rsqb | K::Rbrace) {
                j = match self.k(j) {
                    K::Lpar | K::Lsqb | K::Lbrace => self.brackets(j)?,
                    _ => j + 1,
                };
            }
            if self.k(j) != K::In {
                return None;
            }
            j = self.disjunction(j + 1)?;
            while self.k(j) == K::If {
                j = self.disjunction(j + 1)?;
            }
        }
    }
    /// Start of the expression part that runs up to `i`: after the last token that cannot be inside one.
    pub fn boundary(&self, i: usize) -> usize {
        let mut j = i;
        let mut depth = 0;
        while j > 0 {
            match self.k(j - 1) {
                K::Rpar | K::Rsqb | K::Rbrace => depth += 1,
                K::Lpar | K::Lsqb | K::Lbrace if depth == 0 => return j,
                K::Lpar | K::Lsqb | K::Lbrace => depth -= 1,
                K::FStringEnd | K::TStringEnd => depth += 1,
                K::FStringStart | K::TStringStart if depth == 0 => return j,
                K::FStringStart | K::TStringStart => depth -= 1,
                _ if depth > 0 => {}
                K::Comma
                | K::Colon
                | K::Equal
                | K::ColonEqual
                | K::Newline
                | K::Semi
                | K::Indent
                | K::Dedent
                | K::If
                | K::Elif
                | K::Else
                | K::While
                | K::Return
                | K::For
                | K::With
                | K::Yield
                | K::From
                | K::Assert
                | K::Raise
                | K::Import
                | K::Del
                | K::As
                | K::Rarrow
                | K::Lambda => return j,
                k if crate::errors::is_assignment(k) => return j,
                _ => {}
            }
            j -= 1;
        }
        0
    }
    /// Innermost bracket open at token `i`.
    pub fn enclosing(&self, i: usize) -> Option<usize> {
        let mut depth = 0;
        for j in (0..i).rev() {
            match self.k(j) {
                K::Rpar | K::Rsqb | K::Rbrace => depth += 1,
                K::Lpar | K::Lsqb | K::Lbrace if depth == 0 => return Some(j),
                K::Lpar | K::Lsqb | K::Lbrace => depth -= 1,
                _ => {}
            }
        }
        None
    }
    /// First token of the logical line of token `i`.
    pub fn line_start(&self, i: usize) -> usize {
        let mut j = i;
        while j > 0 && !matches!(self.k(j - 1), K::Newline | K::Indent | K::Dedent) {
            j -= 1;
        }
        j
    }
    /// First token of the simple statement of token `i`.
    pub fn stmt_start(&self, i: usize) -> usize {
        let mut j = i;
        let mut depth = 0;
        while j > 0 {
            match self.k(j - 1) {
                K::Rpar | K::Rsqb | K::Rbrace => depth += 1,
                K::Lpar | K::Lsqb | K::Lbrace => depth -= 1,
                K::Newline | K::Indent | K::Dedent => return j,
                K::Semi if depth == 0 => return j,
                _ => {}
            }
            j -= 1;
        }
        0
    }
}

/// CPython's name for what an expression is, in "cannot assign to ...".
pub fn expr_name(e: &r::Expr) -> &'static str {
    match e {
        r::Expr::Attribute(_) => "attribute",
        r::Expr::Subscript(_) => "subscript",
        r::Expr::Starred(_) => "starred",
        r::Expr::Name(_) => "name",
        r::Expr::List(_) => "list",
        r::Expr::Tuple(_) => "tuple",
        r::Expr::Lambda(_) => "lambda",
        r::Expr::Call(_) => "function call",
        r::Expr::BoolOp(_) | r::Expr::BinOp(_) | r::Expr::UnaryOp(_) => "expression",
        r::Expr::Generator(_) => "generator expression",
        r::Expr::Yield(_) | r::Expr::YieldFrom(_) => "yield expression",
        r::Expr::Await(_) => "await expression",
        r::Expr::ListComp(_) => "list comprehension",
        r::Expr::SetComp(_) => "set comprehension",
        r::Expr::DictComp(_) => "dict comprehension",
        r::Expr::Dict(_) => "dict literal",
        r::Expr::Set(_) => "set display",
        r::Expr::FString(_) => "f-string expression",
        r::Expr::TString(_) => "t-string expression",
        r::Expr::NoneLiteral(_) => "None",
        r::Expr::BooleanLiteral(b) => {
            if b.value {
                "True"
            } else {
                "False"
            }
        }
        r::Expr::EllipsisLiteral(_) => "ellipsis",
        r::Expr::StringLiteral(_) | r::Expr::BytesLiteral(_) | r::Expr::NumberLiteral(_) => "literal",
        r::Expr::Compare(_) => "comparison",
        r::Expr::If(_) => "conditional expression",
        r::Expr::Named(_) => "named expression",
        r::Expr::Slice(_) | r::Expr::IpyEscapeCommand(_) => "expression",
    }
}
