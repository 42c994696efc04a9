"""Read a report as a browser does, and hold it to standing alone."""

import base64
from html.parser import HTMLParser

import cv2
import numpy as np

WITHOUT_END = {'meta', 'img'}


class Page(HTMLParser):
    """A page's text, pictures and tables; refuses what is not closed or comes from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.open, self.pictures, self.words, self.rows, self.charts = [], {}, [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        assert tag not in ('script', 'link', 'iframe') and 'href' not in values
        assert values.get('xlink:href', '#').startswith('#')
        if tag == 'img':
            kind, _, data = values['src'].partition(',')
            assert kind in ('data:image/png;base64', 'data:image/jpeg;base64')
            file = np.frombuffer(base64.b64decode(data, validate=True), np.uint8)
            self.pictures[values['alt']] = cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1]
        if tag == 'svg':
            self.charts.append(values['aria-label'].removesuffix(' over steps'))
        if tag == 'tr':
            self.rows.append([])
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in WITHOUT_END:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if 'style' in self.open or not data.strip():
            return
        self.words.append(' '.join(data.split()))
        if 'tr' in self.open:
            self.rows[-1].append(data.strip())

    @property
    def text(self):
        return ' '.join(self.words)

    def row(self, name):
        return next(row[1:] for row in self.rows if row[0] == name)

    def tile(self, name):
        return self.words[self.words.index(name) + 1]
