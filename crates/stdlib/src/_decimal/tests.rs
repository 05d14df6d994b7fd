//! Arithmetic against known results.

use super::num::{self, Ctx, Dec, st};
use super::{DEFAULT_CTX, text, trans};

fn d(s: &str) -> Dec {
    text::parse(s.as_bytes()).unwrap()
}
fn show(x: &Dec) -> String {
    text::to_text(x, true, false)
}

#[test]
fn sums_quotients_and_roots() {
    let c = Ctx { prec: 9, ..DEFAULT_CTX };
    let mut s = 0;
    assert_eq!(show(&num::add(&d("12"), &d("7.00"), &c, &mut s)), "19.00");
    assert_eq!(show(&num::div(&d("1"), &d("3"), &c, &mut s)), "0.333333333");
    assert_eq!(s, st::INEXACT | st::ROUNDED);
    assert_eq!(show(&num::div(&d("2.400"), &d("2.0"), &c, &mut s)), "1.20");
    assert_eq!(show(&num::sqrt(&d("39.0"), &c, &mut s)), "6.24499800");
    assert_eq!(show(&num::add(&d("1"), &d("-1e-30"), &c, &mut s)), "1.00000000");
}

#[test]
fn transcendental() {
    let c = Ctx { prec: 28, ..DEFAULT_CTX };
    let mut s = 0;
    assert_eq!(show(&trans::exp(&d("1"), &c, &mut s)), "2.718281828459045235360287471");
    assert_eq!(show(&trans::ln(&d("2"), &c, &mut s)), "0.6931471805599453094172321215");
    assert_eq!(show(&trans::ln(&d("1.0000001"), &c, &mut s)), "9.999999500000033333330833334E-8");
    assert_eq!(show(&trans::log10(&d("0.001"), &c, &mut s)), "-3");
    assert_eq!(show(&trans::pow(&d("2"), &d("0.5"), &c, &mut s)), "1.414213562373095048801688724");
    assert_eq!(show(&trans::pow(&d("4"), &d("0.5"), &c, &mut s)), "2.000000000000000000000000000");
    assert_eq!(show(&trans::pow(&d("1.1"), &d("100"), &c, &mut s)), "13780.61233982227018411833717");
}
