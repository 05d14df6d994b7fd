//! `_random`: the Mersenne Twister MT19937 that `random.Random` builds on.

use macros::pymodule;

/// Module implements the Mersenne Twister random number generator.
#[pymodule(name = "_random")]
pub mod _random {
    use core::cell::UnsafeCell;
    use macros::pyclass;
    use runtime::convert::FuncArgs;
    use runtime::prelude::*;
    use runtime::thread::critical;

    const N: usize = 624;
    const M: usize = 397;

    struct State {
        index: usize,
        mt: [u32; N],
    }

    /// A generator.
    #[repr(C)]
    pub struct Random {
        ob_base: runtime::abi::PyObject,
        state: UnsafeCell<State>,
    }

    impl State {
        fn seed_word(&mut self, s: u32) {
            self.mt[0] = s;
            for i in 1..N {
                let p = self.mt[i - 1];
                self.mt[i] = 1812433253u32.wrapping_mul(p ^ p >> 30).wrapping_add(i as u32);
            }
            self.index = N;
        }

        fn seed_key(&mut self, key: &[u32]) {
            self.seed_word(19650218);
            let (mut i, mut j) = (1, 0);
            for _ in 0..N.max(key.len()) {
                let p = self.mt[i - 1];
                self.mt[i] =
                    (self.mt[i] ^ (p ^ p >> 30).wrapping_mul(1664525)).wrapping_add(key[j]).wrapping_add(j as u32);
                i += 1;
                j += 1;
                if i >= N {
                    self.mt[0] = self.mt[N - 1];
                    i = 1;
                }
                if j >= key.len() {
                    j = 0;
                }
            }
            for _ in 0..N - 1 {
                let p = self.mt[i - 1];
                self.mt[i] = (self.mt[i] ^ (p ^ p >> 30).wrapping_mul(1566083941)).wrapping_sub(i as u32);
                i += 1;
                if i >= N {
                    self.mt[0] = self.mt[N - 1];
                    i = 1;
                }
            }
            self.mt[0] = 0x8000_0000;
        }

        fn refill(&mut self) {
            for k in 0..N {
                let y = (self.mt[k] & 0x8000_0000) | (self.mt[(k + 1) % N] & 0x7fff_ffff);
                self.mt[k] = self.mt[(k + M) % N] ^ y >> 1 ^ if y & 1 == 1 { 0x9908_b0df } else { 0 };
            }
            self.index = 0;
        }

        #[inline]
        fn next(&mut self) -> u32 {
            if self.index >= N {
                self.refill();
            }
            let mut y = self.mt[self.index];
            self.index += 1;
            y ^= y >> 11;
            y ^= y << 7 & 0x9d2c_5680;
            y ^= y << 15 & 0xefc6_0000;
            y ^ y >> 18
        }
    }

    impl Random {
        /// Runs `f` on the state under the object's lock; `f` runs no Python code.
        #[inline]
        fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
            // SAFETY: the critical section is the only access, and `f` does not leave it.
            critical(self, || f(unsafe { &mut *self.state.get() }))
        }
    }

    fn seed_system(r: &Random) {
        let mut key = [0u32; N];
        // SAFETY: the buffer's length is given.
        let got = unsafe { libc::getrandom(key.as_mut_ptr().cast(), size_of_val(&key), libc::GRND_NONBLOCK) };
        if got != size_of_val(&key) as isize {
            let t = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
            key[..5].copy_from_slice(&[
                t as u32,
                (t >> 32) as u32,
                std::process::id(),
                (r as *const Random as usize) as u32,
                (t >> 64) as u32,
            ]);
            return r.with(|s| s.seed_key(&key[..5]));
        }
        r.with(|s| s.seed_key(&key));
    }

    fn seed_from(r: &Random, arg: Option<&Object>) -> PyResult<()> {
        let Some(arg) = arg.filter(|a| !a.is_none()) else {
            seed_system(r);
            return Ok(());
        };
        let n = if let Some(i) = arg.downcast_exact::<Int>() {
            i.abs_int()?
        } else if let Some(i) = arg.downcast::<Int>() {
            let a = i.abs()?;
            match a.downcast_into::<Int>() {
                Ok(i) => i,
                Err(_) => return Err(raise!(TypeError, "abs() of an int gave no int")),
            }
        } else {
            let h = arg.hash()?;
            Int::from_u64(h as usize as u64)?
        };
        let mut key: Vec<u32> = n.words().iter().flat_map(|w| [*w as u32, (*w >> 32) as u32]).collect();
        while key.len() > 1 && key.last() == Some(&0) {
            key.pop();
        }
        if key.is_empty() {
            key.push(0);
        }
        r.with(|s| s.seed_key(&key));
        Ok(())
    }

    /// Random() -> create a random number generator with its own internal state.
    #[pyclass(name = "Random", module = "_random", flags = "BASETYPE")]
    impl Random {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            let _ = args;
            let r: Ref<Random> = runtime::typeobject::alloc_object(cls)?;
            // A subclass with its own __init__ seeds itself; the state must be sound all the same.
            seed_system(&r);
            Ok(r.upcast())
        }

        #[slot]
        fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
            args.no_keywords("Random")?;
            args.check_positional("Random", 0, 1)?;
            seed_from(self, args.get(0))
        }

        /// random() -> x in the interval [0, 1).
        #[pymethod]
        fn random(&self) -> f64 {
            let (a, b) = self.with(|s| (s.next() >> 5, s.next() >> 6));
            (a as f64 * 67108864.0 + b as f64) * (1.0 / 9007199254740992.0)
        }

        /// seed([n]) -> None.
        ///
        /// Defaults to use urandom and falls back to a combination
        /// of the current time and the process identifier.
        #[pymethod(sig = "n=None, /")]
        fn seed(&self, n: Option<&Object>) -> PyResult<()> {
            seed_from(self, n)
        }

        /// getstate() -> tuple containing the current state.
        #[pymethod]
        fn getstate(&self) -> PyResult<PyRef> {
            let (mt, index) = self.with(|s| (s.mt, s.index));
            let mut items = Vec::with_capacity(N + 1);
            for w in mt {
                items.push(Int::from_u64(w as u64)?.upcast());
            }
            items.push(Int::from_usize(index)?.upcast());
            Ok(Tuple::from_refs(items)?.upcast())
        }

        /// setstate(state) -> None.  Restores generator state.
        #[pymethod(sig = "state, /")]
        fn setstate(&self, state: &Object) -> PyResult<()> {
            let Some(t) = state.downcast::<Tuple>() else {
                return Err(raise!(TypeError, "state vector must be a tuple"));
            };
            let items = t.as_slice();
            if items.len() != N + 1 {
                return Err(raise!(ValueError, "state vector is the wrong size"));
            }
            let mut mt = [0u32; N];
            for (m, o) in mt.iter_mut().zip(items) {
                *m = o.as_u64()? as u32;
            }
            let index = items[N].as_i64()?;
            if !(0..=N as i64).contains(&index) {
                return Err(raise!(ValueError, "invalid state"));
            }
            self.with(|s| {
                s.mt = mt;
                s.index = index as usize;
            });
            Ok(())
        }

        /// getrandbits(k) -> x.  Generates an int with k random bits.
        #[pymethod(sig = "k, /")]
        fn getrandbits(&self, k: &Object) -> PyResult<Ref<Int>> {
            let k = runtime::objects::long::number_index(k)?;
            if k.is_negative() {
                return Err(raise!(ValueError, "Cannot convert negative int"));
            }
            let k = k.as_u64()?;
            if k == 0 {
                return Int::from_i64(0);
            }
            if k <= 32 {
                return Int::from_u64((self.with(State::next) >> (32 - k)) as u64);
            }
            if k > 1 << 40 {
                return Err(runtime::error::raise_none(exc::MemoryError()));
            }
            let n = k.div_ceil(32) as usize;
            runtime::objects::support::ensure_room::<u32>(n.saturating_mul(2))?;
            let mut words = vec![0u32; n];
            self.with(|s| {
                for (i, w) in words.iter_mut().enumerate() {
                    *w = s.next();
                    if i == n - 1 && k % 32 != 0 {
                        *w >>= 32 - k % 32;
                    }
                }
            });
            let words: Vec<u64> =
                words.chunks(2).map(|c| c[0] as u64 | (c.get(1).copied().unwrap_or(0) as u64) << 32).collect();
            Int::from_words(&words, false)
        }
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<Random>()
    }
}
