"""The linked view: traces in, a browser view out that answers hover, clicks and keys by itself.

`payload` turns traces into bytes, the JavaScript beside it draws them, `page` puts both into one HTML file.
"""
