"""The sections of the page on differences: each module has `show(lesson)`, which draws one of them."""
