"""`_hashlib`: hashes by name, HMAC, PBKDF2, scrypt against published vectors."""
import hashlib, hmac
assert hashlib.pbkdf2_hmac('sha256', b'password', b'salt', 1).hex()=='120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b'
assert hashlib.scrypt(b'', salt=b'', n=16, r=1, p=1).hex().startswith('77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442')
assert hmac.new(b'key', b'The quick brown fox jumps over the lazy dog', hashlib.sha256).hexdigest()=='f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8'
assert hashlib.sha256(b'abc').hexdigest()[:8]=='ba7816bf' and hashlib.new('sha512_256', b'').digest_size==32
assert hashlib.shake_128(b'').hexdigest(4)=='7f9c2ba4'
x=hashlib.sha3_256(b'a'); y=x.copy(); y.update(b'b'); assert x.hexdigest()!=y.hexdigest()
print('ok')
