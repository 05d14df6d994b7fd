from ._speed import words


def main():
    print("words:", words("one two  three"))
