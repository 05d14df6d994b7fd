//! Factorials, binomial coefficients, divisors.

use runtime::objects::long::number_index;
use runtime::prelude::*;

fn small(v: i64) -> PyResult<Ref<Int>> {
    Int::from_i64(v)
}

/// The product of `lo..=hi`, by halves so that the factors stay balanced.
fn product(lo: u64, hi: u64) -> PyResult<Ref<Int>> {
    if lo > hi {
        return small(1);
    }
    if hi - lo < 8 {
        let mut acc = Int::from_u64(lo)?;
        let mut word = 1u64;
        for f in lo + 1..=hi {
            match word.checked_mul(f) {
                Some(w) => word = w,
                None => {
                    acc = acc.mul_int(&*Int::from_u64(word)?)?;
                    word = f;
                }
            }
        }
        return acc.mul_int(&*Int::from_u64(word)?);
    }
    let mid = lo + (hi - lo) / 2;
    product(lo, mid)?.mul_int(&*product(mid + 1, hi)?)
}

/// `n!`.
pub fn factorial(n: &Object) -> PyResult<Ref<Int>> {
    let n = number_index(n)?;
    if n.is_negative() {
        return Err(raise!(ValueError, "factorial() not defined for negative values"));
    }
    let Some(n) = n.try_i64() else {
        return Err(raise!(OverflowError, "factorial() argument should not exceed {}", i64::MAX));
    };
    product(1, n.max(1) as u64)
}

/// `gcd(*integers)`.
pub fn gcd(items: &[&Object]) -> PyResult<Ref<Int>> {
    let mut acc = small(0)?;
    for o in items {
        acc = acc.gcd_int(&*number_index(o)?)?;
    }
    Ok(acc)
}

/// `lcm(*integers)`.
pub fn lcm(items: &[&Object]) -> PyResult<Ref<Int>> {
    let mut acc = small(1)?;
    for o in items {
        let n = number_index(o)?;
        if acc.is_zero() || n.is_zero() {
            acc = small(0)?;
            continue;
        }
        let g = acc.gcd_int(&n)?;
        acc = acc.floordiv_int(&g)?.mul_int(&n)?.abs_int()?;
    }
    Ok(acc)
}

/// The non-negative numbers n and k; None for a k beyond 64 bits.
fn pair(n: &Object, k: &Object) -> PyResult<(Ref<Int>, Ref<Int>)> {
    let (n, k) = (number_index(n)?, number_index(k)?);
    if n.is_negative() {
        return Err(raise!(ValueError, "n must be a non-negative integer"));
    }
    if k.is_negative() {
        return Err(raise!(ValueError, "k must be a non-negative integer"));
    }
    Ok((n, k))
}

fn too_big() -> Raised {
    raise!(OverflowError, "k must not exceed {}", i64::MAX)
}

/// The falling product n * (n-1) * … of k factors for an n of any size.
fn falling(n: &Int, k: u64) -> PyResult<Ref<Int>> {
    if let Some(v) = n.try_u64() {
        return if k == 0 { small(1) } else { product(v - k + 1, v) };
    }
    if k == 0 {
        return small(1);
    }
    if k == 1 {
        return n.to_exact();
    }
    let half = k / 2;
    let low = n.sub_int(&*Int::from_u64(half)?)?;
    falling(n, half)?.mul_int(&*falling(&low, k - half)?)
}

/// `perm(n, k)`.
pub fn perm(n: &Object, k: Option<&Object>) -> PyResult<Ref<Int>> {
    let Some(k) = k else { return factorial(n) };
    let (n, k) = pair(n, k)?;
    if n.compare(&k).is_lt() {
        return small(0);
    }
    match k.try_i64() {
        Some(k) => falling(&n, k as u64),
        None => Err(too_big()),
    }
}

/// `comb(n, k)`.
pub fn comb(n: &Object, k: &Object) -> PyResult<Ref<Int>> {
    let (n, k) = pair(n, k)?;
    if n.compare(&k).is_lt() {
        return small(0);
    }
    let other = n.sub_int(&k)?;
    let k = if other.compare(&k).is_lt() { other } else { k };
    let Some(k) = k.try_i64() else {
        return Err(raise!(OverflowError, "min(n - k, k) must not exceed {}", i64::MAX));
    };
    let k = k as u64;
    if let Some(n) = n.try_u64() {
        // Stay in machine words while the products fit.
        let mut r = 1u128;
        let mut fits = true;
        for i in 0..k {
            match r.checked_mul((n - i) as u128) {
                Some(v) => r = v / (i + 1) as u128,
                None => {
                    fits = false;
                    break;
                }
            }
        }
        if fits {
            return Int::from_u128(r);
        }
    }
    split_comb(&n, k)
}

/// C(n, k) by divide and conquer: C(n, k) = C(n, j) * C(n-j, k-j) / C(k, j).
fn split_comb(n: &Int, k: u64) -> PyResult<Ref<Int>> {
    if k == 0 {
        return small(1);
    }
    if k == 1 {
        return n.to_exact();
    }
    if k <= 16 {
        return falling(n, k)?.floordiv_int(&*product(1, k)?);
    }
    let j = k / 2;
    let a = split_comb(n, j)?;
    let b = split_comb(&*n.sub_int(&*Int::from_u64(j)?)?, k - j)?;
    let c = split_comb(&*Int::from_u64(k)?, j)?;
    a.mul_int(&b)?.floordiv_int(&c)
}
