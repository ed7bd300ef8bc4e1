"""python -m flock"""

from flock.cli import main

if __name__ == "__main__":
    main()
