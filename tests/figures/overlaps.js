// Pairs of lines of text whose boxes share more than a sliver; boxes are cut by what scrolls around them.
() => {
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim()) continue;
    if (parent.closest("script, style, math, svg, sub, sup, select, [hidden], .skip")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const clip = parent.closest(".wide, .scroll, .display")?.getBoundingClientRect();
    for (const box of range.getClientRects()) {
      const left = Math.max(box.left, clip ? clip.left : -1e9);
      const right = Math.min(box.right, clip ? clip.right : 1e9);
      const text = node.data.trim().slice(0, 40);
      if (right - left > 1) boxes.push({ left, right, top: box.top, bottom: box.bottom, text });
    }
  }
  boxes.sort((a, b) => a.top - b.top);
  const found = [];
  boxes.forEach((a, i) => {
    for (let j = i + 1; j < boxes.length && boxes[j].top < a.bottom; j += 1) {
      const b = boxes[j];
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - b.top;
      const least = Math.min(a.bottom - a.top, b.bottom - b.top);
      if (wide > 2 && high > 0.35 * least) found.push([a.text, b.text]);
    }
  });
  return found.slice(0, 10);
}
