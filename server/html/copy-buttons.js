// Puts a copy button on every block of the page. Without this script the page has no buttons and
// works all the same; where the browser forbids copying, the block is selected instead, for the
// reader to copy. The page is also XML: no ampersand and no less-than sign may stand in here.
const announcement = document.getElementById('announcement');
const select = (block) => getSelection().selectAllChildren(block);
const copy = async (block) => {
  // Pages over plain HTTP have no clipboard.
  if (navigator.clipboard) return navigator.clipboard.writeText(block.textContent);
  select(block);
  if (!document.execCommand('copy')) throw new Error('not copied');
  getSelection().removeAllRanges();
};
const labelOf = (block) => block.getAttribute('aria-label');
const addCopyButton = (block) => {
  const button = document.createElement('button');
  button.type = 'button';
  button.dataset.added = '';
  button.textContent = 'Copy';
  let timer;
  const say = (said) => {
    const announced = said + ': ' + labelOf(block);
    button.textContent = said;
    announcement.textContent = announced;
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.textContent = 'Copy';
      if (announcement.textContent === announced) announcement.textContent = '';
    }, 3000);
  };
  button.addEventListener('click', () => {
    copy(block).then(
      () => say('Copied'),
      () => {
        select(block);
        say('Selected');
      },
    );
  });
  block.before(button);
  return button;
};
const addCopyButtons = () => {
  for (const block of document.querySelectorAll('figure.block pre')) {
    const button = block.parentElement.querySelector('button') ?? addCopyButton(block);
    button.setAttribute('aria-label', 'Copy: ' + labelOf(block));
  }
};
addCopyButtons();
// The page says so when it has taken something over.
document.addEventListener('page-changed', addCopyButtons);
