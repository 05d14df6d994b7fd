# wheels: cryptography cffi pycparser
import datetime
import hashlib
import os

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.x509.oid import NameOID

# Known answers.
digest = hashes.Hash(hashes.SHA256())
digest.update(b"abc")
assert digest.finalize() == hashlib.sha256(b"abc").digest()
mac = hmac.HMAC(b"key", hashes.SHA256())
mac.update(b"The quick brown fox jumps over the lazy dog")
assert mac.finalize().hex() == "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
aes = Cipher(algorithms.AES(bytes.fromhex("000102030405060708090a0b0c0d0e0f")), modes.ECB()).encryptor()
assert aes.update(bytes.fromhex("00112233445566778899aabbccddeeff")).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"
assert PBKDF2HMAC(hashes.SHA256(), 32, b"salt", 2).derive(b"password") == hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2)
key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
assert key.public_key().public_bytes_raw().hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
assert key.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a")

# Round trips and refusals.
def refused(error, call):
    try:
        call()
    except error:
        return
    raise AssertionError(error)
token = Fernet(Fernet.generate_key())
assert token.decrypt(token.encrypt(b"secret")) == b"secret"
refused(InvalidToken, lambda: token.decrypt(b"gAAAAA"))
for cipher in (AESGCM(AESGCM.generate_key(128)), ChaCha20Poly1305(ChaCha20Poly1305.generate_key())):
    nonce = os.urandom(12)
    sealed = cipher.encrypt(nonce, b"data", b"more")
    assert cipher.decrypt(nonce, sealed, b"more") == b"data"
    refused(InvalidTag, lambda: cipher.decrypt(nonce, sealed, b"else"))
mine, yours = x25519.X25519PrivateKey.generate(), x25519.X25519PrivateKey.generate()
assert mine.exchange(yours.public_key()) == yours.exchange(mine.public_key())
assert len(HKDF(hashes.SHA256(), 42, None, b"info").derive(b"key")) == 42
private = rsa.generate_private_key(65537, 2048)
pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
signature = private.sign(b"text", pss, hashes.SHA256())
private.public_key().verify(signature, b"text", pss, hashes.SHA256())
refused(InvalidSignature, lambda: private.public_key().verify(signature, b"other", pss, hashes.SHA256()))
oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
assert private.decrypt(private.public_key().encrypt(b"m", oaep), oaep) == b"m"
pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pw"))
assert serialization.load_pem_private_key(pem, b"pw").private_numbers() == private.private_numbers()
refused(ValueError, lambda: serialization.load_pem_private_key(pem, b"wrong"))

# A certificate of our own.
curve = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test.invalid")])
start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
made = (
    x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(curve.public_key()).serial_number(1234)
    .not_valid_before(start).not_valid_after(start + datetime.timedelta(days=30))
    .add_extension(x509.SubjectAlternativeName([x509.DNSName("test.invalid")]), critical=False)
    .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(curve, hashes.SHA256())
)
read = x509.load_pem_x509_certificate(made.public_bytes(serialization.Encoding.PEM))
assert read == made and read.serial_number == 1234 and read.subject.rfc4514_string() == "CN=test.invalid" and read.not_valid_before_utc == start
assert read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["test.invalid"]
read.verify_directly_issued_by(made)
