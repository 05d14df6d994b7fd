import bt_meson

assert bt_meson.words("a bc  d ") == 3 and bt_meson.__file__.endswith(".cpython-314t-x86_64-linux-gnu.so")
